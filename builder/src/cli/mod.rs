//! What the user typed, and the little of the environment that matters. Nothing here decides what it means.

mod boot;
mod environment;
mod manual;
mod options;
mod output;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser, Subcommand};

pub use boot::{BootMachine, BootOptions};
pub use environment::Environment;
pub use manual::{completions, man};
pub use options::{CacheOptions, DetailOptions, NodeOptions, OutputOptions, SourceOptions, Voice};
pub use output::write_new;

const EXAMPLES: &str = "\
Examples:
  etcd-image build --nodes 3            three images with default addresses, ready to flash
  etcd-image init                       write a commented cluster.toml to start from
  etcd-image plan                       show every edit, write nothing
  etcd-image build --base debian-trixie --only etcd2
                                        rebuild one node from another base
  etcd-image verify images              check the images against their manifest
  etcd-image boot images                boot them in QEMU and use the cluster

Exit codes: 0 done, 2 usage or configuration, 3 verification failed, 4 unsupported or corrupt
base, 5 disk or network, 6 the booted cluster is not healthy.";

/// Turn a stock operating-system image into the ready-to-flash nodes of an etcd cluster
#[derive(Clone, Debug, Parser)]
#[command(
    name = "etcd-image",
    version,
    max_term_width = 100,
    help_expected = true
)]
#[command(after_help = EXAMPLES, propagate_version = false)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How much to say, and in which form.
    #[command(flatten)]
    pub voice: Voice,
}

impl Args {
    /// Reads a command line, program name first; the error knows its text, its stream and its exit code.
    pub fn parse_line(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let args = Self::try_parse_from(line)?;
        match args.command {
            Command::Init { .. } | Command::Completions { .. } | Command::Man { .. }
                if args.voice.json =>
            {
                let what = "--json is for commands with a result; this one has none";
                Err(Self::command().error(ErrorKind::ArgumentConflict, what))
            }
            _ => Ok(args),
        }
    }
}

/// The commands; each has the function of its name.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Write one image per node
    #[command(after_help = "\
Examples:
  etcd-image build --nodes 3
  etcd-image build --config lab.toml --out /srv/images
  etcd-image build --nodes 3 --base ./raspios-lite.img.xz --etcd 3.5.34
  etcd-image build --nodes 3 --ssh-key ~/.ssh/work.pub --offline")]
    Build(Work),
    /// Print what build would write, and write nothing (no secrets are shown)
    #[command(after_help = "\
Examples:
  etcd-image plan --nodes 3
  etcd-image plan --only etcd2 --json")]
    Plan(Work),
    /// Fill the cache, for a later build without a network
    #[command(after_help = "\
Examples:
  etcd-image fetch                      the base and etcd that cluster.toml names
  etcd-image fetch --base debian-trixie --cache /media/usb/cache")]
    Fetch(Fetch),
    /// Show what is in an image: partitions, node identity, injected files, certificates
    #[command(after_help = "\
Examples:
  etcd-image inspect images/etcd1.img
  etcd-image inspect --json images/etcd1.img")]
    Inspect {
        /// The image to read
        #[arg(value_name = "IMG")]
        image: PathBuf,
    },
    /// Compare images with their manifest; check file systems, certificates and modes
    #[command(after_help = "\
Examples:
  etcd-image verify images              every image of the folder
  etcd-image verify images/etcd1.img")]
    Verify {
        /// An image, or the folder that build wrote
        #[arg(value_name = "IMG|DIR", default_value = "images")]
        target: PathBuf,
    },
    /// Boot the images in QEMU, wait for quorum, write and read a key, print the members (Linux)
    #[command(after_help = "\
Examples:
  etcd-image boot                       the images of images/
  etcd-image boot images --keep         look around, stop with Ctrl-C
  etcd-image boot one/etcd1.img --machine raspi3b --console etcd1")]
    Boot(BootOptions),
    /// The inner half of boot
    #[command(hide = true)]
    BootInside,
    /// List the bases that can be named with --base, with versions and digests
    Recipes {
        /// Read recipes from this folder instead of the built-in ones
        #[arg(long, value_name = "DIR")]
        recipes: Option<PathBuf>,
    },
    /// Write a commented cluster.toml with every setting, its default and its unit
    #[command(after_help = "\
Examples:
  etcd-image init
  etcd-image init --config lab.toml --nodes 5")]
    Init {
        /// The file to write; an existing one is never overwritten
        #[arg(long, value_name = "FILE", default_value = "cluster.toml")]
        config: PathBuf,
        /// How many nodes to describe
        #[arg(long, value_name = "N", default_value_t = 3)]
        nodes: u32,
    },
    /// Print a JSON schema of cluster.toml, with which editors complete and check it
    #[command(after_help = "\
Example:
  etcd-image schema > cluster.schema.json")]
    Schema,
    /// Print the completion script of a shell
    #[command(after_help = "\
Example:
  etcd-image completions bash > ~/.local/share/bash-completion/completions/etcd-image")]
    Completions {
        /// The shell to complete for
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder
    #[command(after_help = "\
Example:
  etcd-image man ~/.local/share/man/man1")]
    Man {
        /// The folder; made if it does not exist
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

/// The options of fetch, which build and plan have as well.
#[derive(Clone, Debug, clap::Args)]
pub struct Fetch {
    /// What images are made from.
    #[command(flatten)]
    pub sources: SourceOptions,
    /// Where downloads go.
    #[command(flatten)]
    pub cache: CacheOptions,
    /// How much to tell on the way.
    #[command(flatten)]
    pub detail: DetailOptions,
}

/// The options of build and plan.
#[derive(Clone, Debug, clap::Args)]
pub struct Work {
    /// What images are made from, and how that is had.
    #[command(flatten)]
    pub fetch: Fetch,
    /// What the nodes are.
    #[command(flatten)]
    pub nodes: NodeOptions,
    /// Where images go.
    #[command(flatten)]
    pub output: OutputOptions,
}

#[cfg(test)]
mod tests;
