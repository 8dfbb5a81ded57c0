//! The options of `verify`.

use std::path::PathBuf;

use clap::Args;

use super::{Fetch, NodeOptions};

/// What to verify, and how.
#[derive(Clone, Debug, Args)]
#[command(
    mut_group("SourceOptions", |group| group.requires("rebuild")),
    mut_group("CacheOptions", |group| group.requires("rebuild")),
    mut_group("DetailOptions", |group| group.requires("rebuild")),
    mut_group("NodeOptions", |group| group.requires("rebuild")),
    mut_arg("shard", |arg| arg.hide(true)),
    mut_arg("state", |arg| arg.help("Read the CA, keys and identities from here")),
    mut_arg("nodes", |arg| arg.help("Rebuild this many nodes: etcd1 at 192.168.0.50 and upward")),
    mut_arg("fleet", |arg| arg.help("Rebuild a cluster of this file")),
    mut_arg("only", |arg| {
        arg.help("Rebuild only these nodes; in a fleet, CLUSTER or CLUSTER/NODE")
    }),
)]
pub struct VerifyOptions {
    /// An image, or a directory or store (`s3://…`, `oci://…`) that build wrote
    #[arg(value_name = "IMG|DIR|STORE", default_value = "images")]
    pub target: PathBuf,
    /// Require a signature of SHA256SUMS by one of these keys (see
    /// ssh-keygen(1))
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
    /// Decrypt the signature in a store with the secret key in this file
    #[arg(long, value_name = "FILE", requires = "allowed_signers")]
    pub identity: Option<PathBuf>,
    /// Rebuild the directory from etcd-image.lock and the state directory, and
    /// compare every file; repeat the options of that build
    #[arg(long, conflicts_with = "allowed_signers")]
    pub rebuild: bool,
    /// What the images were made from.
    #[command(flatten)]
    pub fetch: Fetch,
    /// What the nodes were.
    #[command(flatten)]
    pub nodes: NodeOptions,
}
