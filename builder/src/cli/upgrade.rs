//! The options of `cluster upgrade`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use super::LoginOptions;

/// Which etcd to bring onto the nodes.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("from").args(["etcd", "images"]).required(true))]
pub struct UpgradeOptions {
    /// Use this etcd release, Debian's packages (`debian`), or a local tarball,
    /// packages (separated by commas) or directory
    #[arg(long, value_name = "VERSION")]
    pub etcd: Option<String>,
    /// Use the etcd of these images of the cluster, and nothing else of them
    #[arg(long, value_name = "DIR", conflicts_with_all = ["recipes", "mirror", "cache"])]
    pub images: Option<PathBuf>,
    /// Read additional or replacement recipes from this directory
    #[arg(long, value_name = "DIR")]
    pub recipes: Option<PathBuf>,
    /// Download Debian packages from this mirror
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
    /// Keep downloads here [default: the user's cache directory]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Use only what is in the cache; connect only to the nodes
    #[arg(long)]
    pub offline: bool,
    /// How to reach the cluster.
    #[command(flatten)]
    pub login: LoginOptions,
}
