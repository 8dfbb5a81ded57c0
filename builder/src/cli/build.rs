//! The options of commands that make images, or get what images are made from.

use super::options::{
    CacheOptions, DetailOptions, LockOptions, NodeOptions, OutputOptions, SourceOptions,
};

/// The options of fetch, which build, plan and update have as well.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Fetch {
    /// What images are made from.
    #[command(flatten)]
    pub sources: SourceOptions,
    /// Where downloads go.
    #[command(flatten)]
    pub cache: CacheOptions,
    /// What to log.
    #[command(flatten)]
    pub detail: DetailOptions,
}

/// The options of build and plan.
#[derive(Clone, Debug, clap::Args)]
pub struct BuildOptions {
    /// What images are made from.
    #[command(flatten)]
    pub fetch: Fetch,
    /// How the lock file is used.
    #[command(flatten)]
    pub lock: LockOptions,
    /// What the nodes are.
    #[command(flatten)]
    pub nodes: NodeOptions,
    /// Where images go.
    #[command(flatten)]
    pub output: OutputOptions,
}
