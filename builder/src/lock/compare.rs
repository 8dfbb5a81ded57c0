//! The differences between two locks, entry by entry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::document::{Lock, LockedBase, LockedEtcd, LockedFile};

/// An entry that differs between two locks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LockDifference {
    /// The entry, e.g. `base sha256`.
    pub what: String,
    /// The value in the lock file; `None` if the file lacks the entry.
    pub old: Option<String>,
    /// The value now; `None` if the entry no longer exists.
    pub new: Option<String>,
}

impl Display for LockDifference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "none".to_owned());
        write!(
            f,
            "{}: {} → {}",
            self.what,
            shown(&self.old),
            shown(&self.new)
        )
    }
}

impl Lock {
    /// Returns the differences from this lock to a newer one, sorted by entry.
    pub fn differences(&self, newer: &Self) -> Vec<LockDifference> {
        let (old, new) = (self.entries(), newer.entries());
        let all: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let changed = all
            .into_iter()
            .filter(|what| old.get(*what) != new.get(*what));
        let difference = |what: &String| LockDifference {
            what: what.clone(),
            old: old.get(what).cloned(),
            new: new.get(what).cloned(),
        };
        changed.map(difference).collect()
    }

    /// Returns every entry with its value.
    pub(super) fn entries(&self) -> BTreeMap<String, String> {
        let mut entries = BTreeMap::from([
            ("program".to_owned(), self.program.clone()),
            ("overlays".to_owned(), self.overlays.clone()),
        ]);
        entries.extend(base(&self.base));
        entries.extend(etcd(&self.etcd));
        entries.extend(self.files.iter().map(|file| of_file("file", file)));
        // Several archives may be unpacked into one directory.
        let archives = self.archives.iter().zip(1..);
        entries.extend(archives.map(|(file, number)| of_file(&format!("archive {number}"), file)));
        entries
    }
}

impl LockedBase {
    /// Returns what is newer than in another record of the same base: its name, the other's time, and the time here.
    pub(super) fn newer_than<'a>(&'a self, other: &'a Self) -> Option<(&'a str, &'a str, &'a str)> {
        let times = [
            ("signed list", &other.signed_at, &self.signed_at),
            ("newest package", &other.snapshot, &self.snapshot),
        ];
        // Times as RFC 3339 writes them have the order of their texts.
        let known = |(what, other, own): (_, &'a Option<String>, &'a Option<String>)| {
            Some((what, other.as_deref()?, own.as_deref()?))
        };
        let mut known = times.into_iter().filter_map(known);
        known.find(|(_, other, own)| other < own)
    }
}

/// Returns the entry of a file or archive.
fn of_file(what: &str, file: &LockedFile) -> (String, String) {
    let what = match &file.node {
        Some(node) => format!("{what} {} of {node}", file.path),
        None => format!("{what} {}", file.path),
    };
    let digest = file.sha256.clone();
    let fingerprint = file.fingerprint.as_ref();
    let value = digest.or_else(|| Some(format!("fingerprint {}", fingerprint?)));
    (what, value.unwrap_or_default())
}

fn base(base: &LockedBase) -> impl Iterator<Item = (String, String)> {
    let entries = [
        ("recipe", base.recipe.clone()),
        ("url", base.url.clone()),
        ("file", base.file.clone()),
        ("mirror", base.mirror.clone()),
        (
            "added",
            (!base.added.is_empty()).then(|| base.added.join(" ")),
        ),
        ("sha256", base.sha256.clone()),
        ("size", base.size.map(|size| size.to_string())),
        ("raw-sha256", Some(base.raw_sha256.clone())),
        ("raw-size", Some(base.raw_size.to_string())),
        ("signed-by", base.signed_by.clone()),
        ("signed-at", base.signed_at.clone()),
        ("snapshot", base.snapshot.clone()),
    ];
    let packages = base.packages.iter().map(|line| package_entry("base", line));
    entries_of_table("base", entries).chain(packages.collect::<Vec<_>>())
}

fn etcd(etcd: &LockedEtcd) -> impl Iterator<Item = (String, String)> {
    let entries = [
        ("version", Some(etcd.version.clone())),
        ("url", etcd.url.clone()),
        ("sha256", Some(etcd.sha256.clone())),
    ];
    let lines = etcd.packages.iter().chain(&etcd.files);
    let lines = lines.map(|line| package_entry("etcd", line));
    entries_of_table("etcd", entries).chain(lines.collect::<Vec<_>>())
}

/// Returns the entries of a table that have a value.
fn entries_of_table<const N: usize>(
    table: &str,
    entries: [(&str, Option<String>); N],
) -> impl Iterator<Item = (String, String)> {
    let table = table.to_owned();
    let entries = entries.map(|(name, value)| Some((format!("{table} {name}"), value?)));
    entries.into_iter().flatten()
}

/// Returns the entry of a line that begins with a name.
fn package_entry(table: &str, line: &str) -> (String, String) {
    let (name, value) = line.split_once(' ').unwrap_or((line, ""));
    (format!("{table} package {name}"), value.to_owned())
}
