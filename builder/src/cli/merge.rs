//! The options of `merge`.

use std::path::PathBuf;

use clap::Args;

/// Which shards to join, and how.
#[derive(Clone, Debug, Args)]
pub struct MergeOptions {
    /// The directories or stores that `build --shard` wrote, one for each shard
    #[arg(value_name = "DIR|STORE", required = true)]
    pub shards: Vec<PathBuf>,
    /// Decrypt the shards of stores with the secret key in this file
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Require a signature of every SHA256SUMS by one of these keys (see
    /// ssh-keygen(1))
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
    /// Sign the joined SHA256SUMS with this SSH key, from its file or the SSH
    /// agent
    #[arg(long, value_name = "KEY")]
    pub sign: Option<PathBuf>,
    /// Link or copy the images to this directory
    #[arg(long, value_name = "DIR", default_value = "images")]
    pub out: PathBuf,
}
