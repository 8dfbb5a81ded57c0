//! The shared options. Their names are a promise: add, do not rename.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

/// What images are made from.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct SourceOptions {
    /// Describe the cluster by this file [default: cluster.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Start from this recipe, or from a local .img, .img.xz, .img.zst or .img.gz
    /// [default: raspios-trixie]
    #[arg(long, value_name = "RECIPE|PATH")]
    pub base: Option<String>,
    /// Use this etcd release, `debian` for Debian's packages, or a local release tarball, Debian
    /// package or folder [default: 3.6.14]
    #[arg(long, value_name = "VERSION|debian|PATH")]
    pub etcd: Option<String>,
    /// Keep the CA, keys and identities here (mode 0700; back it up)
    #[arg(long, value_name = "DIR", default_value = "etcd-cluster")]
    pub state: PathBuf,
    /// Read recipes from this folder instead of the built-in ones
    #[arg(long, value_name = "DIR")]
    pub recipes: Option<PathBuf>,
    /// Take Debian packages from this mirror (debian-trixie only)
    #[arg(long, value_name = "URL")]
    pub mirror: Option<String>,
}

/// What the nodes are.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Nodes")]
pub struct NodeOptions {
    /// Number of nodes; without a file: etcd1…N at 192.168.0.50 upward
    #[arg(long, value_name = "N")]
    pub nodes: Option<u32>,
    /// Build only these nodes of the cluster
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub only: Vec<String>,
    /// Let this SSH public key log in; repeat for several [default: ~/.ssh/*.pub]
    #[arg(long, value_name = "FILE")]
    pub ssh_key: Vec<PathBuf>,
    /// Start nodes of Ubuntu Core of grade signed through the kernel's command line: unofficial, not
    /// documented by its makers
    #[arg(long)]
    pub core_signed_cmdline: bool,
    /// Add overlays from this directory; one replaces the built-in overlay of the same name
    #[arg(long, value_name = "DIR")]
    pub overlays: Option<PathBuf>,
}

/// Where downloads go, and how much is done at once.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Downloads and work")]
pub struct CacheOptions {
    /// Keep downloads here; builds may share it [default: the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Use only what the cache holds, open no connection
    #[arg(long)]
    pub offline: bool,
    /// Work on at most this many nodes, or threads that unpack, at once
    /// [default: as many as processors, and one node more]
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// How much to tell on the way.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Messages")]
pub struct DetailOptions {
    /// Tell what was found and decided, and when, on standard error
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// Where images go.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputOptions {
    /// Write the images here
    #[arg(long, value_name = "DIR", default_value = "images")]
    pub out: PathBuf,
}

/// How much to say, and in which form.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Messages")]
pub struct Voice {
    /// Print the result as JSON on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Say nothing but errors
    #[arg(long, global = true)]
    pub quiet: bool,
}
