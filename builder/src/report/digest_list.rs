//! The digest list of a directory, as `sha256sum -c` reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::SUMS;
use crate::file::if_exists;

/// A list that was read.
#[derive(Debug)]
pub(super) struct DigestList {
    pub(super) path: PathBuf,
    /// File names with their SHA-256.
    entries: BTreeMap<String, String>,
    /// The first line that is not a digest and a name.
    unreadable: Option<usize>,
}

impl DigestList {
    /// Reads the list of a directory, if there is one.
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let bytes = if_exists(fs_err::read(folder.join(SUMS)))?;
        Ok(bytes.map(|bytes| Self::of(folder, &bytes)))
    }

    /// Parses the list of a directory, which has these bytes.
    pub(super) fn of(folder: &Path, bytes: &[u8]) -> Self {
        Self::parse(folder.join(SUMS), &String::from_utf8_lossy(bytes))
    }

    fn parse(path: PathBuf, text: &str) -> Self {
        let entry = |line: &str| {
            let (digest, name) = line.split_once("  ")?;
            let is_digest = digest.len() == 64 && digest.bytes().all(|it| it.is_ascii_hexdigit());
            is_digest.then(|| (name.to_owned(), digest.to_owned()))
        };
        Self {
            path,
            entries: text.lines().filter_map(entry).collect(),
            unreadable: text.lines().position(|line| entry(line).is_none()),
        }
    }

    /// Returns the digest that the list has for a file.
    pub(super) fn digest_of(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(String::as_str)
    }

    /// Returns the differences from the names and digests that the list should have according to `other`, one line each.
    pub(super) fn differences<'a>(
        &self,
        wanted: impl Iterator<Item = (&'a str, &'a str)>,
        other: &str,
    ) -> Vec<String> {
        let wanted: BTreeMap<&str, &str> = wanted.collect();
        let mut found = Vec::new();
        if let Some(line) = self.unreadable {
            found.push(format!(
                "line {} is not a digest followed by a file name",
                line + 1
            ));
        }
        for (name, digest) in &wanted {
            match self.digest_of(name) {
                Some(listed) if listed == *digest => {}
                Some(listed) => found.push(format!(
                    "it has the SHA-256 {listed} of {name}, the {other} has {digest}"
                )),
                None => found.push(format!("it does not contain {name}")),
            }
        }
        let listed = self.entries.keys();
        let unknown = listed.filter(|name| !wanted.contains_key(name.as_str()));
        found.extend(unknown.map(|name| format!("it contains {name}, the {other} does not")));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_difference_is_a_line() {
        let (one, two) = ("1".repeat(64), "2".repeat(64));
        let text = format!("{one}  a.img\n{one}  b.img\nsoon\n{two}  d.img\n");
        let list = DigestList::parse("SHA256SUMS".into(), &text);
        assert_eq!(list.digest_of("d.img"), Some(&*two));
        let wanted = [("a.img", &*one), ("b.img", &two), ("c.img", &two)];
        assert_eq!(
            list.differences(wanted.into_iter(), "manifest"),
            [
                "line 3 is not a digest followed by a file name",
                &format!("it has the SHA-256 {one} of b.img, the manifest has {two}"),
                "it does not contain c.img",
                "it contains d.img, the manifest does not",
            ]
        );
        let good = DigestList::parse("SHA256SUMS".into(), &format!("{one}  a.img\n"));
        let wanted = [("a.img", &*one)].into_iter();
        assert_eq!(good.differences(wanted, "manifest"), [""; 0]);
    }
}
