//! The options of the commands for running clusters.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

/// The commands for running clusters.
#[derive(Clone, Debug, Subcommand)]
pub enum ClusterCommand {
    /// Show whether the cluster and its nodes are well
    #[command(after_help = "\
Examples:
  etcd-image cluster status
  etcd-image cluster status --client images/client --watch
  etcd-image cluster status --json
  etcd-image cluster status --prometheus /var/lib/node_exporter/etcd.prom")]
    Status(StatusOptions),
    /// Save a snapshot of the cluster on this machine
    #[command(after_help = "\
Examples:
  etcd-image cluster backup
  etcd-image cluster backup before-upgrade.db
  etcd-image cluster backup /srv/backups --keep 28")]
    Backup(BackupOptions),
}

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

/// What to show of the cluster's state.
#[derive(Clone, Debug, Args)]
pub struct StatusOptions {
    /// Where to find the cluster.
    #[command(flatten)]
    pub access: AccessOptions,
    /// Log in to the nodes with this private key [default: those of ssh]
    #[arg(long, value_name = "FILE")]
    pub ssh_identity: Option<PathBuf>,
    /// Repeat every few seconds until Ctrl-C [default: 5]
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "5")]
    pub watch: Option<NonZeroU64>,
    /// Write metrics to this file for Prometheus's `node_exporter`
    #[arg(long, value_name = "FILE")]
    pub prometheus: Option<PathBuf>,
}

/// Where to save a snapshot.
#[derive(Clone, Debug, Args)]
pub struct BackupOptions {
    /// Where to find the cluster.
    #[command(flatten)]
    pub access: AccessOptions,
    /// Write this new file, or a file in this directory [default: backups]
    #[arg(value_name = "FILE|DIR")]
    pub target: Option<PathBuf>,
    /// Keep only the newest N snapshots of this cluster in the directory
    #[arg(long, value_name = "N")]
    pub keep: Option<NonZeroUsize>,
}
