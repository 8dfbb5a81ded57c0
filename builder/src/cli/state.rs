//! The options of `etcd-image state`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::options::number;
use super::{
    BuildOptions, CacheOptions, DetailOptions, Fetch, LockOptions, NodeOptions, OutputOptions,
    SourceOptions,
};

/// The commands that concern state directories.
#[derive(Clone, Debug, Subcommand)]
pub enum StateCommand {
    /// Create the keys and identities of all nodes, and no image
    #[command(after_help = "\
Examples:
  etcd-image state init --fleet fleet.toml
  etcd-image state init --config lab.toml --state lab-state")]
    Init(StateInitOptions),
}

/// The options of `state init`.
#[derive(Clone, Debug, Args)]
pub struct StateInitOptions {
    /// Read the cluster from this file [default: cluster.toml if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Create the keys of every cluster of this file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["nodes", "config"])]
    fleet: Option<PathBuf>,
    /// Create the keys of this many nodes, etcd1 and upward
    #[arg(long, value_name = "N", value_parser = number::<u32>)]
    nodes: Option<u32>,
    /// Keep the CA, keys and identities here; back it up
    #[arg(long, value_name = "DIR", default_value = "etcd-cluster")]
    state: PathBuf,
}

impl StateInitOptions {
    /// Returns the options for one cluster.
    pub(super) fn new(config: Option<PathBuf>, nodes: Option<u32>, state: PathBuf) -> Self {
        Self {
            config,
            fleet: None,
            nodes,
            state,
        }
    }

    /// Returns the options of a build of the same nodes.
    pub(crate) fn into_work(self) -> BuildOptions {
        BuildOptions {
            fetch: Fetch {
                sources: SourceOptions {
                    config: self.config,
                    base: None,
                    etcd: None,
                    state: self.state,
                    recipes: None,
                    mirror: None,
                },
                cache: CacheOptions {
                    cache: None,
                    offline: true,
                    jobs: None,
                },
                detail: DetailOptions { verbose: false },
            },
            lock: LockOptions::default(),
            nodes: NodeOptions {
                nodes: self.nodes,
                fleet: self.fleet,
                ..NodeOptions::default()
            },
            output: OutputOptions::default(),
        }
    }
}
