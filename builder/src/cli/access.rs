//! The options by which commands reach a running cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::TypedValueParser as _;
use clap::value_parser;

/// Where to find the cluster's addresses and the administrator's certificate.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct AccessOptions {
    /// Read the cluster's keys and addresses from this directory
    #[arg(long, value_name = "DIR", default_value = "etcd-cluster")]
    pub state: PathBuf,
    /// Read them from the directory `client` beside the images instead
    #[arg(long, value_name = "DIR", conflicts_with = "state")]
    pub client: Option<PathBuf>,
}

impl AccessOptions {
    /// Returns the directory to read.
    pub fn folder(&self) -> &Path {
        self.client.as_ref().unwrap_or(&self.state)
    }
}

/// How ssh logs in to the nodes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct SshOptions {
    /// Log in to the nodes with this private key [default: those of ssh]
    #[arg(long, value_name = "FILE")]
    pub ssh_identity: Option<PathBuf>,
    /// Give a node this long for a login and a command
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = value_parser!(u64).range(1..=3600).map(Duration::from_secs))]
    pub ssh_timeout: Duration,
}

/// How to log in to the nodes of a cluster.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct LoginOptions {
    /// Where to find the cluster.
    #[command(flatten)]
    pub access: AccessOptions,
    /// How to log in to the nodes.
    #[command(flatten)]
    pub ssh: SshOptions,
}

/// Where the keys of a cluster are, and how to log in to its nodes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct KeysOptions {
    /// Read the keys of the CA and of the cluster from this directory
    #[arg(long, value_name = "DIR", default_value = "etcd-cluster")]
    pub state: PathBuf,
    /// How to log in to the nodes.
    #[command(flatten)]
    pub ssh: SshOptions,
}
