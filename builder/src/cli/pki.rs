//! The options of `etcd-image pki`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::options::{days, number};
use super::{BuildOptions, StateInitOptions};

/// The commands that concern the certificates of a state directory.
#[derive(Clone, Debug, Subcommand)]
pub enum PkiCommand {
    /// Show the dates of every certificate in the state directory
    #[command(after_help = "\
Examples:
  etcd-image pki status
  etcd-image pki status --within 90 --json

The exit code is 3 if a certificate has ended or ends soon.")]
    Status(PkiStatusOptions),
    /// Write requests for certificates that the owner of your CA signs
    #[command(after_help = "\
Examples:
  etcd-image pki csr
  etcd-image pki csr --config lab.toml --out to-be-signed --all")]
    Csr(PkiCsrOptions),
    /// Import the certificates that the owner of your CA has signed
    #[command(after_help = "\
Examples:
  etcd-image pki import answers
  etcd-image pki import etcd1-server.pem etcd1-peer.pem")]
    Import(PkiImportOptions),
}

/// The options of `pki status`.
#[derive(Clone, Debug, Args)]
pub struct PkiStatusOptions {
    /// Read the certificates of this state directory
    #[arg(long, value_name = "DIR", default_value = "etcd-cluster")]
    pub state: PathBuf,
    /// Report certificates that expire within this many days
    #[arg(long, value_name = "DAYS", default_value = "60", value_parser = days)]
    pub within: u32,
}

/// The cluster that certificates are for.
#[derive(Clone, Debug, Args)]
pub struct DescribedCluster {
    /// Read the cluster from this file [default: cluster.toml if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Describe this many nodes, etcd1 and upward
    #[arg(long, value_name = "N", value_parser = number::<u32>)]
    nodes: Option<u32>,
    /// Keep keys and certificates here; back it up
    #[arg(long, value_name = "DIR", default_value = "etcd-cluster")]
    state: PathBuf,
}

impl DescribedCluster {
    /// Returns the options of a build of the same nodes.
    pub(crate) fn into_work(self) -> BuildOptions {
        StateInitOptions::new(self.config, self.nodes, self.state).into_work()
    }
}

/// The options of `pki csr`.
#[derive(Clone, Debug, Args)]
pub struct PkiCsrOptions {
    /// The cluster.
    #[command(flatten)]
    pub cluster: DescribedCluster,
    /// Write the requests to this directory, created if it does not exist
    #[arg(long, value_name = "DIR", default_value = "requests")]
    pub out: PathBuf,
    /// Request all certificates, including those that are not due
    #[arg(long)]
    pub all: bool,
}

/// The options of `pki import`.
#[derive(Clone, Debug, Args)]
pub struct PkiImportOptions {
    /// Files with certificates (PEM), or directories of such files
    #[arg(value_name = "FILE", required = true)]
    pub answers: Vec<PathBuf>,
    /// The cluster.
    #[command(flatten)]
    pub cluster: DescribedCluster,
}
