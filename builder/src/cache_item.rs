//! What `etcd-image cache` lists and removes.

use anyhow::Result;
use serde::Serialize;

use crate::progress::Progress;

/// An entry of the cache: the files that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CacheItem {
    /// The beginning of the names of its files, or the path of their directory in the cache.
    pub key: String,
    /// What it is, e.g. `base debian-trixie`.
    pub what: String,
    /// The space that it occupies, in bytes.
    pub bytes: u64,
    /// The number of whole days since it was last used.
    pub days: i64,
}

/// Removes entries, and returns those that `remove` has removed. It keeps an entry that a run uses at the moment.
pub(crate) fn remove(
    items: Vec<CacheItem>,
    progress: &dyn Progress,
    remove: impl Fn(&CacheItem) -> Result<bool>,
) -> Result<Vec<CacheItem>> {
    let mut removed = Vec::new();
    for item in items {
        match remove(&item)? {
            true => removed.push(item),
            false => progress.note(&format!("{} is in use and stays", item.what)),
        }
    }
    Ok(removed)
}
