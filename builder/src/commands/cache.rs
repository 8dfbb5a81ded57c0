//! `cache`: lists the entries of the cache, or removes them.

use anyhow::Result;

use super::print;
use crate::cli::{CacheAction, CacheCommandOptions, Environment, Voice};
use crate::report::CacheReport;
use crate::{caches, fetch, progress, recipe};

/// Lists the entries of the cache, or removes those that no build has used for a while.
pub(super) fn run(
    options: &CacheCommandOptions,
    environment: &Environment,
    voice: &Voice,
) -> Result<()> {
    let directory = options.cache.as_deref().or(environment.cache.as_deref());
    let progress = progress::stderr(voice.quiet);
    let access = fetch::Options {
        cache: directory.ok_or_else(caches::no_cache)?,
        recipes: None,
        mirror: None,
        packages: &[],
        offline: true,
        refresh: false,
        shared: None,
        jobs: 1,
        clock: environment.clock,
        policy: fetch::Policy::default(),
        progress: &*progress,
    };
    let mut items = fetch::contents(&recipe::load(None)?, &recipe::etcd(None)?, &access)?;
    let state = match options.action {
        None | Some(CacheAction::List) => "found",
        Some(CacheAction::Prune {
            older_than,
            all,
            dry_run,
        }) => {
            items.retain(|item| all || item.days >= i64::from(older_than));
            if !dry_run {
                items = fetch::prune(items, &access)?;
            }
            if dry_run { "removable" } else { "removed" }
        }
    };
    let report = CacheReport::new(access.cache, state, items);
    print(voice, &report, &report)
}
