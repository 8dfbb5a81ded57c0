//! `cache`: lists the entries of the cache, or removes them.

use anyhow::Result;

use super::printing::print;
use crate::cli::{CacheAction, CacheCommandOptions, Environment, Voice};
use crate::fetch::CacheItem;
use crate::report::CacheReport;
use crate::store::Leftover;
use crate::{fetch, progress, recipe, run, store};

/// Lists the entries of the cache, or removes those that no build has used for a while.
pub(super) fn run(
    options: &CacheCommandOptions,
    environment: &Environment,
    voice: &Voice,
) -> Result<()> {
    let directory = options.cache.as_deref().or(environment.cache.as_deref());
    let progress = progress::stderr(voice.quiet);
    let cache = directory.ok_or_else(run::no_cache)?;
    let access = fetch::Options::offline(cache, environment.clock, &*progress);
    let mut items = fetch::contents(&recipe::load(None)?, &recipe::etcd(None)?, &access)?;
    let mut left = store::leftovers(access.cache, environment.clock)?;
    let item = |left: &Leftover| CacheItem {
        key: left.key.clone(),
        what: left.what.clone(),
        bytes: left.bytes,
        days: left.days,
    };
    let state = match options.action {
        None | Some(CacheAction::List) => "found",
        Some(CacheAction::Prune {
            older_than,
            all,
            dry_run,
        }) => {
            let is_old = |item: &CacheItem| all || item.days >= i64::from(older_than);
            items.retain(is_old);
            left.retain(|left| is_old(&item(left)));
            if !dry_run {
                items = fetch::prune(items, &access)?;
                left = prune(left, &access)?;
            }
            if dry_run { "removable" } else { "removed" }
        }
    };
    items.extend(left.iter().map(item));
    items.sort_by_key(|item| std::cmp::Reverse(item.bytes));
    let report = CacheReport::new(access.cache, state, items);
    print(voice, &report, &report)
}

/// Removes what killed runs have left for a store, except for what a run uses at the moment, and returns what was removed.
fn prune(left: Vec<Leftover>, access: &fetch::Options<'_>) -> Result<Vec<Leftover>> {
    let mut removed = Vec::new();
    for left in left {
        match store::remove_leftover(access.cache, &left)? {
            true => removed.push(left),
            false => access
                .progress
                .note(&format!("{} is in use and stays", left.what)),
        }
    }
    Ok(removed)
}
