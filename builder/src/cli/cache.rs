//! The options of `cache`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::options::{directory, number};

/// The cache and what to do with it.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = false)]
pub struct CacheCommandOptions {
    /// Use this cache directory [default: the user's cache directory]
    #[arg(long, value_name = "DIR", value_parser = directory, global = true)]
    pub cache: Option<PathBuf>,
    /// What to do; without it, list.
    #[command(subcommand)]
    pub action: Option<CacheAction>,
}

/// What to do with the cache.
#[derive(Clone, Copy, Debug, Subcommand)]
pub enum CacheAction {
    /// List the entries with their size and days since their last use
    List,
    /// Remove entries that no build has used recently
    Prune {
        /// Remove entries that were not used for this many days
        #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = number::<u32>)]
        older_than: u32,
        /// Remove everything
        #[arg(long, conflicts_with = "older_than")]
        all: bool,
        /// Show what would be removed without removing it
        #[arg(long)]
        dry_run: bool,
    },
}
