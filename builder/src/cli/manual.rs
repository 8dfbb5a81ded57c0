//! Completion scripts and manual pages, which are generated from the command definitions.
#![expect(
    clippy::disallowed_methods,
    reason = "writes the manual pages where the user asks"
)]

use std::path::Path;

use anyhow::Context as _;
use clap::CommandFactory as _;

use super::{Args, output};
use crate::failure::Kind;

/// Returns the completion script for a shell.
pub fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "etcd-image", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Writes `etcd-image.1` and one page per command into `dir`. A hidden command has no page.
pub fn man(dir: &Path) -> anyhow::Result<()> {
    fs_err::create_dir_all(dir).with_context(|| {
        Kind::Storage.context(
            format!("creating the directory {}", dir.display()),
            "name a writable directory",
        )
    })?;
    let mut program = Args::command().disable_help_subcommand(true);
    program.build();
    pages(dir, &program)
}

/// Writes the page of a command, and those of its commands.
fn pages(dir: &Path, command: &clap::Command) -> anyhow::Result<()> {
    page(dir, command)?;
    let shown = command.get_subcommands().filter(|it| !it.is_hide_set());
    for inner in shown {
        pages(dir, inner)?;
    }
    Ok(())
}

fn page(dir: &Path, command: &clap::Command) -> anyhow::Result<()> {
    let page = clap_mangen::Man::new(command.clone())
        .source(concat!("etcd-image ", env!("CARGO_PKG_VERSION")));
    let mut text = Vec::new();
    page.render(&mut text).context("rendering a manual page")?;
    output::write_over(&dir.join(page.get_filename()), &text)
}
