//! The command line and the environment as given; other modules interpret them.

mod access;
mod aws;
mod boot;
mod build;
mod cache;
mod cluster;
mod command;
mod environment;
mod flash;
mod manual;
mod membership;
mod merge;
mod options;
mod output;
mod pki;
mod shard;
mod state;
mod stores;
mod upgrade;
mod verify;

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory as _, Parser};

pub use crate::image_format::ImageFormat;
pub use access::{AccessOptions, KeysOptions, LoginOptions, SshOptions};
pub use aws::AwsVariables;
pub use boot::{BootMachine, BootOptions};
pub use build::{BuildOptions, Fetch};
pub use cache::{CacheAction, CacheCommandOptions};
pub use cluster::{
    AlarmCommand, BackupOptions, ClusterCommand, CompactOptions, DefragOptions, LogsOptions,
    MoveLeaderOptions, PasswordOptions, RebootOptions, RenewOptions, RestoreOptions,
    RotateCaOptions, StatusOptions,
};
pub use command::{Command, Updated};
pub use environment::{Environment, Operator};
pub use flash::FlashOptions;
pub use manual::{completions, man};
pub use membership::{AddOptions, ChangeOptions, RemoveOptions, ReplaceOptions, WaitOptions};
pub use merge::MergeOptions;
pub(crate) use options::directory_url;
pub use options::{
    CacheOptions, DetailOptions, LockOptions, NodeOptions, OutputMode, OutputOptions, SourceOptions,
};
pub use output::{replace, replace_all, write_new};
pub use pki::{PkiCommand, PkiCsrOptions, PkiImportOptions, PkiStatusOptions};
pub use shard::Shard;
pub use state::{StateCommand, StateInitOptions};
pub use stores::StoreAccess;
pub use upgrade::UpgradeOptions;
pub use verify::VerifyOptions;

const EXAMPLES: &str = "\
Examples:
  etcd-image build --nodes 3   write three images with default addresses
  etcd-image init              write a commented cluster.toml
  etcd-image plan              print every edit that build would make
  etcd-image verify images     compare the images with their manifest
  etcd-image flash --list      list the disks of this machine
  etcd-image boot images       boot the images in QEMU and test the cluster
  etcd-image cluster status    show whether a running cluster is healthy

Exit codes:
  0 success                      4 unsupported base or refused change
  1 `diff` found differences     5 disk or network failure
  2 usage or configuration       6 the cluster is not healthy
  3 verification failed        130 interrupted";

/// Turn a stock OS image into ready-to-flash nodes of an etcd cluster
#[derive(Clone, Debug, Parser)]
#[command(
    name = "etcd-image",
    version,
    max_term_width = 80,
    help_expected = true
)]
#[command(after_help = EXAMPLES, propagate_version = false)]
pub struct Args {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
    /// What is printed, and in which form.
    #[command(flatten)]
    pub mode: OutputMode,
}

impl Args {
    /// Parses a command line that begins with the program name. The error contains its text, stream and exit code.
    pub fn parse_line(line: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let line: Vec<OsString> = line.into_iter().collect();
        let args = Self::try_parse_from(&line).map_err(|error| with_home(error, &line))?;
        match args.conflict() {
            None => Ok(args),
            Some((kind, what)) => Err(refused(&line, kind, what)),
        }
    }

    /// Returns the reason to refuse a command line that clap accepts.
    fn conflict(&self) -> Option<(ErrorKind, &'static str)> {
        let what = match &self.command {
            Command::Init { .. }
            | Command::State(_)
            | Command::Completions { .. }
            | Command::Man { .. }
                if self.mode.json =>
            {
                "`--json` is not supported by this command, which has no result"
            }
            Command::Update { fetch, .. } if fetch.cache.offline => {
                "`update` needs the network, and `--offline` forbids it"
            }
            Command::Update { fleet: Some(_), .. } => {
                "update writes the lock file of one cluster; for all clusters of a fleet, use \
                 `build --fleet FILE --refresh`"
            }
            // clap does not require `--fleet` where an option is given that conflicts with it.
            Command::Build(BuildOptions { nodes, .. })
            | Command::Plan(BuildOptions { nodes, .. })
                if nodes.shard.is_some() && nodes.fleet.is_none() =>
            {
                let what = "--shard builds a part of a fleet: name the fleet with --fleet";
                return Some((ErrorKind::MissingRequiredArgument, what));
            }
            Command::Cluster(ClusterCommand::Status(status))
                if status.watch.is_some() && self.mode.json =>
            {
                "--json prints one document and --watch repeats: use one of them"
            }
            Command::Cluster(ClusterCommand::Logs(logs)) if logs.follow && self.mode.json => {
                "--json prints one document and --follow never ends: use one of them"
            }
            _ => return None,
        };
        Some((ErrorKind::ArgumentConflict, what))
    }
}

/// Suggests the commands that have an unknown command as their own, such as `cluster status` instead of `status`.
fn with_home(mut error: clap::Error, line: &[OsString]) -> clap::Error {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let is_option = |word: &&OsString| word.as_encoded_bytes().starts_with(b"-");
    let mut words = line.iter().skip(1).skip_while(is_option);
    let is_first = words.next().is_some_and(|word| word == name.as_str());
    let program = Args::command();
    let homes: Vec<String> = program
        .get_subcommands()
        .filter(|command| command.find_subcommand(name).is_some())
        .map(|command| format!("{} {name}", command.get_name()))
        .collect();
    if is_first && !homes.is_empty() {
        error.insert(
            ContextKind::SuggestedSubcommand,
            ContextValue::Strings(homes),
        );
    }
    error
}

/// Returns the error about a valid command line, with the usage of its command.
fn refused(line: &[OsString], kind: ErrorKind, what: &str) -> clap::Error {
    let mut program = Args::command();
    program.build();
    let Ok(matches) = program.clone().try_get_matches_from(line) else {
        return program.error(kind, what);
    };
    let (mut command, mut given) = (&program, &matches);
    while let Some((name, inner)) = given.subcommand()
        && let Some(found) = command.find_subcommand(name)
    {
        (command, given) = (found, inner);
    }
    command.clone().error(kind, what)
}

#[cfg(test)]
mod tests;
