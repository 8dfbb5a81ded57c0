//! etcd-image: a stock operating-system image and a cluster described → one flashable image per node.
//!
//! Rooms in reading order; imports go one way, downward. See `builder/ARCHITECTURE.md`.

pub mod failure;
pub mod hex;
pub mod progress;
pub mod secret;

pub mod cli;

pub mod fetch;
pub mod overlay;
pub mod pki;
pub mod recipe;
pub mod spec;

/// Runs one command. Placeholder until the rooms are joined: only the chores work.
pub fn run(args: cli::Args, _environment: cli::Environment) -> anyhow::Result<()> {
    match args.command {
        cli::Command::Completions { shell } => cli::completions(shell),
        cli::Command::Man { dir } => cli::man(&dir),
        _ => anyhow::bail!("this command is not joined up yet"),
    }
}
