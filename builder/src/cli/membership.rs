//! The options of the commands that change the members of a cluster.

use std::net::IpAddr;

use clap::{Arg, Args};

use super::options::number;
use super::{BuildOptions, SshOptions};

/// Which member to add.
#[derive(Clone, Debug, Args)]
pub struct AddOptions {
    /// The new member
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Its address [default: the one in cluster.toml]
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<IpAddr>,
    /// How long to wait for it.
    #[command(flatten)]
    pub wait: WaitOptions,
    /// How to change the members.
    #[command(flatten)]
    pub change: ChangeOptions,
}

/// Which member to replace.
#[derive(Clone, Debug, Args)]
pub struct ReplaceOptions {
    /// The member to replace
    #[arg(value_name = "OLD")]
    pub old: String,
    /// The node in its place [default: another board of the same name]
    #[arg(value_name = "NEW")]
    pub new: Option<String>,
    /// The address of the new node [default: that of the old one]
    #[arg(long, value_name = "ADDRESS")]
    pub address: Option<IpAddr>,
    /// How long to wait for the new node.
    #[command(flatten)]
    pub wait: WaitOptions,
    /// How to change the members.
    #[command(flatten)]
    pub change: ChangeOptions,
}

/// Which member to remove.
#[derive(Clone, Debug, Args)]
pub struct RemoveOptions {
    /// The member, or the address of one that has never started
    #[arg(value_name = "NAME")]
    pub name: String,
    /// How to change the members.
    #[command(flatten)]
    pub change: ChangeOptions,
}

/// How long a command waits for a new member.
#[derive(Clone, Copy, Debug, Args)]
pub struct WaitOptions {
    /// Wait this long for a new member; with 0, only prepare it
    #[arg(
        long,
        value_name = "MINUTES",
        default_value = "30",
        value_parser = number::<u64>,
        help_heading = "Cluster"
    )]
    pub wait: u64,
}

/// The options of a build that a change of the members refuses, and therefore does not list.
const REFUSED: [&str; 8] = [
    "nodes",
    "fleet",
    "only",
    "shard",
    "restore",
    "restore_identity",
    "encrypt_to",
    "allow_plain_secrets",
];

fn hide_refused(arg: Arg) -> Arg {
    let is_refused = REFUSED.contains(&arg.get_id().as_str());
    let is_hidden = arg.is_hide_set() || is_refused;
    arg.hide(is_hidden)
}

/// How to change the members of a cluster.
#[derive(Clone, Debug, Args)]
#[command(mut_args(hide_refused))]
pub struct ChangeOptions {
    /// How to log in to the nodes.
    #[command(flatten)]
    pub ssh: SshOptions,
    /// How to build the image.
    #[command(flatten)]
    pub work: BuildOptions,
}
