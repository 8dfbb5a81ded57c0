//! The options by which commands reach a running cluster.

use std::path::{Path, PathBuf};

use clap::Args;

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

/// How to log in to the nodes.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct LoginOptions {
    /// Where to find the cluster.
    #[command(flatten)]
    pub access: AccessOptions,
    /// Log in to the nodes with this private key [default: those of ssh]
    #[arg(long, value_name = "FILE")]
    pub ssh_identity: Option<PathBuf>,
}
