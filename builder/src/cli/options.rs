//! The shared options. Their names are a stable interface: new ones may be added, but none may be renamed.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::Shard;
use crate::image_format::ImageFormat;

/// What images are made from.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster")]
pub struct SourceOptions {
    /// Read the cluster from this file [default: cluster.toml if it exists]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Build on this recipe or local image, which may be compressed
    /// [default: raspios-trixie]
    #[arg(long, value_name = "RECIPE|PATH")]
    pub base: Option<String>,
    /// Use this etcd release, Debian's packages, or a local tarball, packages
    /// (separated by commas) or directory [default: 3.6.14]
    #[arg(long, value_name = "VERSION|debian|PATH")]
    pub etcd: Option<String>,
    /// Keep the CA, keys and identities here; back it up
    #[arg(long, value_name = "DIR", default_value = "etcd-cluster")]
    pub state: PathBuf,
    /// Read additional or replacement recipes from this directory
    #[arg(long, value_name = "DIR")]
    pub recipes: Option<PathBuf>,
    /// Download Debian packages from this mirror
    #[arg(long, value_name = "URL", value_parser = mirror)]
    pub mirror: Option<String>,
}

/// What the nodes are.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Nodes")]
pub struct NodeOptions {
    /// Build this many nodes: etcd1 at 192.168.0.50 and upward
    #[arg(long, value_name = "N", value_parser = number::<u32>)]
    pub nodes: Option<u32>,
    /// Build every cluster of this file, each in its own directory
    #[arg(long, value_name = "FILE", conflicts_with_all = ["nodes", "config"])]
    pub fleet: Option<PathBuf>,
    /// Build only these nodes; in a fleet, CLUSTER or CLUSTER/NODE
    #[arg(long, value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub only: Vec<String>,
    /// Build part I of N of the fleet, with the keys of `state init`
    #[arg(long, value_name = "I/N", requires = "fleet", conflicts_with = "only")]
    pub shard: Option<Shard>,
    /// Authorize this SSH public key (repeatable) [default: ~/.ssh/*.pub]
    #[arg(long, value_name = "FILE")]
    pub ssh_key: Vec<PathBuf>,
    /// Start the new cluster from this snapshot (a file or `s3://BUCKET/OBJECT`)
    #[arg(long, value_name = "FILE|STORE")]
    pub restore: Option<PathBuf>,
    /// Decrypt the snapshot with the secret key in this file
    #[arg(long, value_name = "FILE", requires = "restore")]
    pub restore_identity: Option<PathBuf>,
    /// Provision signed Ubuntu Core images by the kernel command line
    /// (unofficial)
    #[arg(long)]
    pub core_signed_cmdline: bool,
    /// Read additional or replacement overlays from this directory
    #[arg(long, value_name = "DIR")]
    pub overlays: Option<PathBuf>,
}

/// Where downloads go, and how much is done at once.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Downloads and work")]
pub struct CacheOptions {
    /// Keep downloads here, or share them in a store (`s3://BUCKET/PREFIX`)
    /// [default: the user's cache directory]
    #[arg(long, value_name = "DIR|STORE")]
    pub cache: Option<PathBuf>,
    /// Use only what is in the cache; open no connection
    #[arg(long)]
    pub offline: bool,
    /// Limit the number of parallel jobs [default: based on the CPUs]
    #[arg(long, value_name = "N", value_parser = count::<NonZeroUsize>)]
    pub jobs: Option<NonZeroUsize>,
}

/// How a run uses the lock file.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Lock file")]
pub struct LockOptions {
    /// Fail if the inputs differ from etcd-image.lock
    #[arg(long)]
    pub locked: bool,
    /// Fetch signed lists and Debian's packages again, and ignore the lock and
    /// the cache
    #[arg(long, conflicts_with_all = ["locked", "offline"])]
    pub refresh: bool,
}

impl LockOptions {
    /// What `update` does: it looks for something newer.
    pub(crate) const REFRESH: Self = Self {
        locked: false,
        refresh: true,
    };
}

/// What to log.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Messages")]
pub struct DetailOptions {
    /// Log decisions with timestamps
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// Where images go.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputOptions {
    /// Write the images to this directory, or send them to a store
    /// (`s3://BUCKET/PREFIX`, `oci://REGISTRY/REPOSITORY[:TAG]`)
    #[arg(long, value_name = "DIR|STORE", default_value = "images")]
    pub out: PathBuf,
    /// Encrypt files in the store for this age recipient (repeatable)
    #[arg(long, value_name = "RECIPIENT", conflicts_with = "allow_plain_secrets")]
    pub encrypt_to: Vec<String>,
    /// Store images, which contain private keys, without encryption
    #[arg(long)]
    pub allow_plain_secrets: bool,
    /// Write images in this format (repeatable)
    #[arg(
        long = "format",
        value_name = "FORMAT",
        value_delimiter = ',',
        default_value = "img"
    )]
    pub formats: Vec<ImageFormat>,
    /// Publish the images at this URL, which Raspberry Pi Imager's list names
    /// [default: `[publish] url`]
    #[arg(long, conflicts_with = "shard", value_name = "URL", value_parser = directory_url)]
    pub publish_url: Option<String>,
    /// Sign SHA256SUMS with this SSH key, from its file or the SSH agent
    /// [default: `[publish] sign`, except for a shard]
    #[arg(long, value_name = "KEY")]
    pub sign: Option<PathBuf>,
}

/// Checks the URL of a directory, to which Raspberry Pi Imager appends the names of files.
pub(crate) fn directory_url(text: &str) -> Result<String, &'static str> {
    let url: http::Uri = text.parse().map_err(|_| "it is not a URL")?;
    match (url.scheme_str(), url.authority()) {
        (Some("http" | "https"), Some(host))
            if !host.as_str().contains('@') && !text.contains(['?', '#']) =>
        {
            Ok(text.to_owned())
        }
        (Some("http" | "https"), Some(_)) => {
            Err("a user name, a query and a fragment are not allowed")
        }
        _ => Err("give an address as in https://example.org/images"),
    }
}

/// Refuses the address of a store where only a directory is possible.
pub(super) fn directory(text: &str) -> Result<PathBuf, &'static str> {
    match text.contains("://") {
        true => Err("it is the address of a store; name a directory"),
        false => Ok(PathBuf::from(text)),
    }
}

/// Parses a number that may be 0.
pub(super) fn number<N: FromStr>(text: &str) -> Result<N, &'static str> {
    text.parse().map_err(|_| "write a number, such as 3")
}

/// Parses a number that is not 0.
pub(super) fn count<N: FromStr>(text: &str) -> Result<N, &'static str> {
    text.parse().map_err(|_| "write a number, 1 or more")
}

/// Parses the URL of a mirror of Debian, or a whole line of sources.list(5).
fn mirror(text: &str) -> Result<String, &'static str> {
    let is_url = text.split_once(":/").is_some_and(|(scheme, rest)| {
        let is_of_scheme = |it: char| it.is_ascii_alphanumeric() || "+-.".contains(it);
        !rest.is_empty() && !scheme.is_empty() && scheme.chars().all(is_of_scheme)
    });
    match is_url || text.starts_with("deb ") {
        true => Ok(text.to_owned()),
        false => Err("write a URL, as in http://mirror.example/debian"),
    }
}

/// Parses a number of days, with or without a `d`.
pub(super) fn days(text: &str) -> Result<u32, &'static str> {
    let number = text.strip_suffix('d').unwrap_or(text);
    number
        .parse()
        .map_err(|_| "write a number of days, such as 60d")
}

/// What is printed, and in which form.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Messages")]
pub struct OutputMode {
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Print only errors
    #[arg(long, global = true)]
    pub quiet: bool,
}
