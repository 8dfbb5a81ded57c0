//! What the cache directory holds, for `etcd-image cache`. Other programs' files are neither listed nor removed.

use std::collections::BTreeMap;
use std::fs::Metadata;

use anyhow::Result;

use super::cache::{Cache, CacheEntry, EntryFile, LOCK};
use super::{Options, debian, signed};
use crate::cache_item::{self, CacheItem};
use crate::date;
use crate::file::{if_exists, written};
use crate::recipe::{BaseSource, DigestSource, EtcdReleases, Recipe};

/// Returns the entries of the cache directory, the largest first.
pub fn contents(
    recipes: &[Recipe],
    etcd: &EtcdReleases,
    options: &Options<'_>,
) -> Result<Vec<CacheItem>> {
    let names = known(recipes, etcd, options);
    let mut items: BTreeMap<String, EntryFiles> = BTreeMap::new();
    let found = if_exists(fs_err::read_dir(options.cache))?;
    for file in found.into_iter().flatten() {
        let file = file?;
        let path = file.path();
        if let Some(EntryFile { key, ending }) = EntryFile::of(&path) {
            let metadata = file.metadata()?;
            items
                .entry(key.to_owned())
                .or_default()
                .add(ending, &metadata);
        }
    }
    let items = items.into_iter().filter(|(_, sum)| !sum.endings.is_empty());
    let item = |(key, sum): (String, EntryFiles)| CacheItem {
        what: match names.get(&key) {
            Some(name) => name.clone(),
            None => sum.kind().to_owned(),
        },
        bytes: sum.bytes,
        days: date::days_since(sum.used, options.clock),
        key,
    };
    let mut items: Vec<CacheItem> = items.map(item).collect();
    items.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.key.cmp(&b.key)));
    Ok(items)
}

/// Removes entries, except for those that a build uses at the moment, and returns the removed ones.
pub fn prune(items: Vec<CacheItem>, options: &Options<'_>) -> Result<Vec<CacheItem>> {
    let cache = Cache::open(options.cache)?;
    cache_item::remove(items, options.progress, |item| {
        let entry = cache.idle_entry(&item.key)?;
        entry.as_ref().map(CacheEntry::clear).transpose()?;
        Ok(entry.is_some())
    })
}

/// Returns the keys of what the recipes name, with their names.
fn known(
    recipes: &[Recipe],
    etcd: &EtcdReleases,
    options: &Options<'_>,
) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for recipe in recipes {
        let name = format!("base {}", recipe.name);
        match &recipe.source {
            BaseSource::Debian => names.insert(debian::DebianInputs::new(options).digest(), name),
            BaseSource::Download(download) => match &download.digest_source {
                DigestSource::Sha256(sha256) => names.insert(sha256.clone(), name),
                DigestSource::Signed(list) => {
                    names.insert(signed::key(list), format!("signed list of {}", recipe.name))
                }
            },
        };
    }
    let releases = etcd.sha256.iter();
    names.extend(releases.map(|(version, sha256)| (sha256.clone(), format!("etcd {version}"))));
    names
}

/// The files of an entry.
#[derive(Debug, Default)]
struct EntryFiles {
    endings: Vec<String>,
    bytes: u64,
    /// The newest modification in seconds since 1970; using an entry modifies its lock.
    used: i64,
}

impl EntryFiles {
    fn add(&mut self, ending: &str, metadata: &Metadata) {
        if ending != LOCK {
            self.endings.push(ending.to_owned());
            self.bytes += occupied(metadata);
        }
        self.used = self.used.max(written(metadata).unwrap_or(0));
    }

    /// Describes an entry that no recipe names.
    fn kind(&self) -> &'static str {
        const KINDS: [(&str, &str); 9] = [
            ("img", "base image"),
            ("tar", "packages of a Debian base"),
            ("packages", "Debian's packages of etcd"),
            ("tar.gz", "etcd release"),
            ("programs", "etcd's programs, unpacked"),
            ("archive", "archive for nodes"),
            ("blocks", "compressed blocks of images"),
            ("part", "incomplete download"),
            ("sums", "signed list"),
        ];
        let has = |wanted: &str| self.endings.iter().any(|ending| ending == wanted);
        let kind = KINDS.into_iter().find(|(ending, _)| has(ending));
        kind.map_or("digest of a local file", |(_, kind)| kind)
    }
}

/// Returns the space that a file occupies; images have holes.
#[cfg(unix)]
fn occupied(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::blocks(metadata) * 512
}

#[cfg(not(unix))]
fn occupied(metadata: &Metadata) -> u64 {
    metadata.len()
}
