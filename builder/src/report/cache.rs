//! The output of `etcd-image cache`.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use indicatif::BinaryBytes;
use serde::Serialize;

use crate::count::count;
use crate::fetch::CacheItem;

/// Entries of the cache, as they were found or removed.
#[derive(Debug, Serialize)]
pub(crate) struct CacheReport {
    /// Version of this format.
    pub format: u32,
    /// Path of the cache directory.
    pub cache: String,
    /// What happened to the entries: `found`, `removed` or `removable`.
    pub state: &'static str,
    /// The entries, the largest first.
    pub entries: Vec<CacheItem>,
    /// The space that they occupy, in bytes.
    pub bytes: u64,
}

impl CacheReport {
    /// Creates the report.
    pub(crate) fn new(cache: &Path, state: &'static str, entries: Vec<CacheItem>) -> Self {
        Self {
            format: 1,
            cache: cache.display().to_string(),
            state,
            bytes: entries.iter().map(|entry| entry.bytes).sum(),
            entries,
        }
    }
}

impl Display for CacheReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for entry in &self.entries {
            let CacheItem {
                key,
                what,
                bytes,
                days,
            } = entry;
            let bytes = BinaryBytes(*bytes).to_string();
            let key = key.trim_start_matches("local-");
            let key = key.get(..12).unwrap_or(key);
            writeln!(f, "{bytes:>12}  {days:>4} days  {key}  {what}")?;
        }
        let (state, bytes) = (self.state, BinaryBytes(self.bytes));
        let (entries, cache) = (count(self.entries.len(), "entry"), &self.cache);
        writeln!(f, "{entries} with {bytes} {state} in {cache}")
    }
}
