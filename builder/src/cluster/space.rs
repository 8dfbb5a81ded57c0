//! What fills the database of a cluster: its live keys by prefix.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::etcd::{CallError, Pair, Session};
use crate::printable::printable;

/// The number of prefixes that are reported.
const LARGEST: usize = 10;

/// The number of prefixes above which longer ones are joined, so that memory stays small.
const MANY: usize = 10_000;

/// The bytes that one answer should have.
const PAGE: u64 = 4 << 20;

/// The live keys of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DatabaseContent {
    /// Number of keys.
    pub keys: u64,
    /// Bytes of the keys and their values, without the history of either.
    pub bytes: u64,
    /// The prefixes with most bytes, the largest first.
    pub prefixes: Vec<Prefix>,
}

/// The keys that begin alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Prefix {
    /// The beginning of the keys, up to a slash; empty for keys without one.
    pub prefix: String,
    /// Number of keys.
    pub keys: u64,
    /// Bytes of the keys and their values.
    pub bytes: u64,
}

/// Reads all live keys of a member, from its own data.
pub(super) fn read(session: &Session) -> Result<DatabaseContent, CallError> {
    let mut groups = Groups::default();
    let (mut first, mut limit) = (vec![0], 16);
    loop {
        let page = session.page(&first, limit)?;
        let size = page.pairs.iter().map(size).sum::<u64>();
        page.pairs.iter().for_each(|pair| groups.add(pair));
        let Some(last) = page.pairs.last().filter(|_| page.has_more) else {
            return Ok(groups.finish());
        };
        first.clone_from(&last.key);
        first.push(0);
        // As many pairs as fill a page, if the next ones are like these.
        let fitting = limit.saturating_mul(PAGE) / size.max(1);
        limit = fitting.clamp(1, limit * 2).min(10_000);
    }
}

fn size(pair: &Pair) -> u64 {
    (pair.key.len() + pair.value.len()) as u64
}

/// Sums by prefix.
struct Groups {
    /// The number of slashes in a prefix.
    depth: usize,
    by_prefix: BTreeMap<Vec<u8>, (u64, u64)>,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            depth: 2,
            by_prefix: BTreeMap::new(),
        }
    }
}

impl Groups {
    fn add(&mut self, pair: &Pair) {
        self.count(prefix(&pair.key, self.depth).to_vec(), 1, size(pair));
        if self.by_prefix.len() > MANY && self.depth > 0 {
            self.depth -= 1;
            for (longer, (keys, bytes)) in std::mem::take(&mut self.by_prefix) {
                self.count(prefix(&longer, self.depth).to_vec(), keys, bytes);
            }
        }
    }

    fn count(&mut self, prefix: Vec<u8>, keys: u64, bytes: u64) {
        let sums = self.by_prefix.entry(prefix).or_default();
        sums.0 += keys;
        sums.1 += bytes;
    }

    fn finish(self) -> DatabaseContent {
        let prefixes = self.by_prefix.into_iter();
        let mut prefixes: Vec<_> = prefixes
            .map(|(prefix, (keys, bytes))| Prefix {
                prefix: printable(&String::from_utf8_lossy(&prefix)),
                keys,
                bytes,
            })
            .collect();
        prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.bytes));
        let sum = |of: fn(&Prefix) -> u64| prefixes.iter().map(of).sum();
        let (keys, bytes) = (sum(|it| it.keys), sum(|it| it.bytes));
        prefixes.truncate(LARGEST);
        DatabaseContent {
            keys,
            bytes,
            prefixes,
        }
    }
}

/// Returns the beginning of a key up to its last slash, at most up to this many; a slash at the beginning does not count.
fn prefix(key: &[u8], depth: usize) -> &[u8] {
    let slashes = key.iter().enumerate().skip(1);
    let slashes = slashes.filter(|(_, byte)| **byte == b'/');
    let last = slashes.map(|(at, _)| at).take(depth).last();
    &key[..last.map_or(0, |at| at + 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_with_a_slash() {
        let cases = [
            ("/registry/pods/default/a", 2, "/registry/pods/"),
            ("/registry/pods/default/a", 1, "/registry/"),
            ("/registry/pods/default/a", 0, ""),
            ("config/a", 2, "config/"),
            ("/a", 2, ""),
            ("plain", 2, ""),
            ("", 2, ""),
        ];
        for (key, depth, wanted) in cases {
            assert_eq!(
                prefix(key.as_bytes(), depth),
                wanted.as_bytes(),
                "{key} {depth}"
            );
        }
    }

    fn pair(key: &str, value: usize) -> Pair {
        Pair {
            key: key.into(),
            value: vec![0; value],
        }
    }

    #[test]
    fn the_largest_prefix_is_first() {
        let mut groups = Groups::default();
        for (key, value) in [("/a/1", 1), ("/b/1", 30), ("/b/2", 30), ("c", 2)] {
            groups.add(&pair(key, value));
        }
        let content = groups.finish();
        assert_eq!((content.keys, content.bytes), (4, 76));
        let prefixes: Vec<_> = content
            .prefixes
            .iter()
            .map(|it| (it.prefix.as_str(), it.keys, it.bytes))
            .collect();
        assert_eq!(prefixes, [("/b/", 2, 68), ("/a/", 1, 5), ("", 1, 3)]);
    }

    #[test]
    fn many_prefixes_are_joined() {
        let mut groups = Groups::default();
        for number in 0..=MANY {
            groups.add(&pair(&format!("/users/{number}/name"), 0));
        }
        let content = groups.finish();
        assert_eq!(content.prefixes.len(), 1);
        assert_eq!(content.prefixes[0].prefix, "/users/");
        assert_eq!(content.prefixes[0].keys, MANY as u64 + 1);
    }
}
