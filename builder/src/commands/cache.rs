//! `cache`: lists the entries of the cache, or removes them.

use anyhow::Result;

use super::printing::print;
use crate::cache_item::{self, CacheItem};
use crate::cli::{CacheAction, CacheCommandOptions, Environment, OutputMode};
use crate::report::CacheReport;
use crate::{fetch, progress, recipe, run, store};

/// Lists the entries of the cache, or removes those that no build has used for a while.
pub(super) fn run(
    options: &CacheCommandOptions,
    environment: &Environment,
    mode: &OutputMode,
) -> Result<()> {
    let directory = options.cache.as_deref().or(environment.cache.as_deref());
    let progress = progress::stderr(mode.quiet);
    let cache = directory.ok_or_else(run::no_cache)?;
    let access = fetch::Options::offline(cache, environment.clock, &*progress);
    let mut items = fetch::contents(&recipe::load(None)?, &recipe::etcd(None)?, &access)?;
    let mut left = store::leftovers(access.cache, environment.clock)?;
    let state = match options.action {
        None | Some(CacheAction::List) => "found",
        Some(CacheAction::Prune {
            older_than,
            all,
            dry_run,
        }) => {
            let is_old = |item: &CacheItem| all || item.days >= i64::from(older_than);
            items.retain(is_old);
            left.retain(is_old);
            if !dry_run {
                items = fetch::prune(items, &access)?;
                left = cache_item::remove(left, access.progress, |left| {
                    store::remove_leftover(access.cache, left)
                })?;
            }
            if dry_run { "removable" } else { "removed" }
        }
    };
    items.extend(left);
    items.sort_by_key(|item| std::cmp::Reverse(item.bytes));
    let report = CacheReport::new(access.cache, state, items);
    print(mode, &report, &report)
}
