//! What killed runs have left on its way to a store or from one, for `etcd-image cache`.
#![expect(
    clippy::disallowed_methods,
    reason = "removes what killed runs have left"
)]

use std::fs::TryLockError;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::outgoing::ADDRESS;
use super::place::{incoming, lock_file, outgoing, unwritable};
use crate::cache_item::CacheItem;
use crate::date;
use crate::file::{self, if_exists};
use crate::printable::printable;

/// Returns what lies in the cache, also of runs that have not ended: files with private keys that wait for the next run.
pub(crate) fn leftovers(cache: &Path, clock: i64) -> Result<Vec<CacheItem>> {
    let mut found = Vec::new();
    for entry in if_exists(fs_err::read_dir(outgoing(cache)))?
        .into_iter()
        .flatten()
    {
        let path = entry?.path();
        if path.is_dir() {
            let address = if_exists(fs_err::read_to_string(path.join(ADDRESS)))?;
            let address = address.map_or_else(|| "a store".to_owned(), |it| printable(&it));
            let what = format!("build on its way to {address}");
            found.push(leftover((cache, clock), &path, what)?);
        }
    }
    let path = incoming(cache);
    if fs_err::exists(&path)? {
        let it = leftover(
            (cache, clock),
            &path,
            "build that came from a store".to_owned(),
        )?;
        found.extend(Some(it).filter(|it| it.bytes > 0));
    }
    Ok(found)
}

/// Removes a directory unless a run uses it; returns whether it did.
pub(crate) fn remove_leftover(cache: &Path, leftover: &CacheItem) -> Result<bool> {
    let path = cache.join(&leftover.key);
    let context = || unwritable(&path);
    let lock = lock_file(&path.with_extension("lock")).with_context(context)?;
    match lock.try_lock() {
        Ok(()) => {
            if_exists(fs_err::remove_dir_all(&path)).with_context(context)?;
            Ok(true)
        }
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error).with_context(context),
    }
}

fn leftover((cache, clock): (&Path, i64), path: &Path, what: String) -> Result<CacheItem> {
    let (mut bytes, mut written) = (0, 0);
    let mut folders: Vec<PathBuf> = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in if_exists(fs_err::read_dir(&folder))?.into_iter().flatten() {
            let entry = entry?;
            // A file may have got its final name since.
            let Some(metadata) = if_exists(entry.metadata())? else {
                continue;
            };
            if metadata.is_dir() {
                folders.push(entry.path());
                continue;
            }
            bytes += metadata.len();
            written = written.max(file::written(&metadata).unwrap_or(0));
        }
    }
    Ok(CacheItem {
        key: path.strip_prefix(cache)?.to_string_lossy().into_owned(),
        what,
        bytes,
        days: date::days_since(written, clock),
    })
}
