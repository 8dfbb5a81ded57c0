//! The commands with their help.

use std::path::PathBuf;

use clap::{Arg, ArgAction, Subcommand};

use super::boot::BootOptions;
use super::build::{BuildOptions, Fetch};
use super::cache::CacheCommandOptions;
use super::cluster::ClusterCommand;
use super::flash::FlashOptions;
use super::merge::MergeOptions;
use super::options::{LockOptions, number};
use super::pki::PkiCommand;
use super::state::StateCommand;
use super::verify::VerifyOptions;

/// The commands; each has the function of its name.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Write one image per node
    #[command(after_help = "\
Examples:
  etcd-image build --nodes 3
  etcd-image build --config lab.toml --out /srv/images
  etcd-image build --nodes 3 --base ./raspios-lite.img.xz --etcd 3.5.34
  etcd-image build --nodes 3 --ssh-key ~/.ssh/work.pub --offline
  etcd-image build --nodes 3 --format img.xz --sign ~/.ssh/id_ed25519
  etcd-image build --locked")]
    Build(BuildOptions),
    /// Print every edit that build would make; write nothing but the cache
    #[command(after_help = "\
Examples:
  etcd-image plan --nodes 3
  etcd-image plan --only etcd2 --json")]
    Plan(BuildOptions),
    /// Download everything needed for an offline build
    #[command(after_help = "\
Examples:
  etcd-image fetch
  etcd-image fetch --base debian-trixie --cache /media/usb/cache
  etcd-image fetch --fleet fleet.toml")]
    Fetch {
        /// What to fetch, and where it goes.
        #[command(flatten)]
        fetch: Fetch,
        /// How the lock file is used.
        #[command(flatten)]
        lock: LockOptions,
        /// Fetch what the clusters of this file need
        #[arg(long, value_name = "FILE", conflicts_with = "config")]
        fleet: Option<PathBuf>,
    },
    /// Check for newer inputs and record them in etcd-image.lock
    #[command(after_help = "\
Examples:
  etcd-image update
  etcd-image update etcd
  etcd-image update base --dry-run",
        mut_arg("offline", |arg| arg.hide(true)),
        mut_arg("state", |arg| arg.help("Read the CA, keys and identities from here")))]
    Update {
        /// What to update
        #[arg(value_name = "WHAT", default_value = "all")]
        what: Updated,
        /// Show what is newer and leave the lock file unchanged
        #[arg(long)]
        dry_run: bool,
        /// Refused: a fleet has several lock files.
        #[arg(long, hide = true)]
        fleet: Option<PathBuf>,
        /// Where inputs come from and go.
        #[command(flatten)]
        fetch: Fetch,
    },
    /// Show partitions, identity, added files and certificates of an image
    #[command(after_help = "\
Examples:
  etcd-image inspect images/etcd1.img
  etcd-image inspect --json images/etcd1.img")]
    Inspect {
        /// The image to inspect
        #[arg(value_name = "IMG")]
        image: PathBuf,
    },
    /// Compare images with their manifest and check what they contain
    #[command(after_help = "\
Examples:
  etcd-image verify images
  etcd-image verify images/etcd1.img
  etcd-image verify images --allowed-signers ~/.ssh/allowed_signers
  etcd-image verify images --rebuild")]
    Verify(VerifyOptions),
    /// Show the differences between two images or two directories
    #[command(after_help = "\
Examples:
  etcd-image diff images/etcd1.img old/etcd1.img
  etcd-image diff old images

The exit code is 1 if they differ.")]
    Diff {
        /// The first image, or a directory of images
        a: PathBuf,
        /// The second one
        b: PathBuf,
        /// Show fingerprints of secrets with the key of this state directory
        /// [default: etcd-cluster if it exists]
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
    },
    /// Write an image to a card and read it back (Linux only)
    #[command(after_help = "\
Examples:
  etcd-image flash --list
  sudo etcd-image flash etcd1 /dev/sdX
  sudo etcd-image flash etcd1=/dev/sdX etcd2=/dev/sdY etcd3=/dev/sdZ
  sudo etcd-image flash --all /dev/sdX /dev/sdY /dev/sdZ")]
    Flash(FlashOptions),
    /// Boot the images in QEMU and test the cluster (Linux only)
    #[command(after_help = "\
Examples:
  etcd-image boot
  etcd-image boot images --keep
  etcd-image boot one/etcd1.img --machine raspi3b --console etcd1")]
    Boot(BootOptions),
    /// The inner half of boot
    #[command(hide = true)]
    BootInside,
    /// Operate a running cluster
    #[command(subcommand)]
    Cluster(ClusterCommand),
    /// Join the shards of a fleet into one directory
    #[command(after_help = "\
Examples:
  etcd-image merge shards/1 shards/2 shards/3
  etcd-image merge shards/* --out /srv/images
  etcd-image merge s3://lab/1 s3://lab/2 --identity flash.key
  etcd-image merge shards/* --allowed-signers allowed_signers --sign KEY")]
    Merge(MergeOptions),
    /// Manage the keys and identities of nodes
    #[command(subcommand, arg = refused_json())]
    State(StateCommand),
    /// Show certificates, or have them signed by the owner of your CA
    #[command(subcommand)]
    Pki(PkiCommand),
    /// List or prune the cache of downloads
    #[command(after_help = "\
Examples:
  etcd-image cache
  etcd-image cache prune --dry-run
  etcd-image cache prune --older-than 90")]
    Cache(CacheCommandOptions),
    /// List the recipes for --base with their versions and digests
    Recipes {
        /// Read additional or replacement recipes from this directory
        #[arg(long, value_name = "DIR")]
        recipes: Option<PathBuf>,
    },
    /// Write a commented cluster.toml with every setting and its default
    #[command(arg = refused_json(), after_help = "\
Examples:
  etcd-image init
  etcd-image init --config lab.toml --nodes 5
  etcd-image init --from hosts.ini")]
    Init {
        /// Write this file, which must not exist yet
        #[arg(long, value_name = "FILE", default_value = "cluster.toml")]
        config: PathBuf,
        /// Describe this many nodes
        #[arg(long, value_name = "N", default_value_t = 3, value_parser = number::<u32>)]
        nodes: u32,
        /// Describe the machines of this Ansible inventory, hosts table, or configuration of SSH, etcd, kubeadm or Patroni
        #[arg(long, value_name = "FILE", conflicts_with = "nodes")]
        from: Option<PathBuf>,
    },
    /// Print a JSON schema of cluster.toml for editors
    #[command(after_help = "\
Example:
  etcd-image schema > cluster.schema.json")]
    Schema,
    /// Print a completion script for a shell
    #[command(arg = refused_json(), after_help = "\
Example:
  etcd-image completions bash > /etc/bash_completion.d/etcd-image")]
    Completions {
        /// The shell
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages to a directory
    #[command(arg = refused_json(), after_help = "\
Example:
  etcd-image man ~/.local/share/man/man1")]
    Man {
        /// The directory, created if it does not exist
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
}

/// Returns `--json` for a command without a result, which parses it to explain the refusal and does not list it.
fn refused_json() -> Arg {
    let json = Arg::new("json").long("json").hide(true).global(true);
    json.help("Print the result as JSON")
        .action(ArgAction::SetTrue)
}

/// The inputs that `update` looks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Updated {
    /// The base image.
    Base,
    /// etcd's programs.
    Etcd,
    /// Both.
    All,
}
