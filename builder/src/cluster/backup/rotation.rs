//! The names of snapshots in a directory or a bucket, and which of them to remove.

use std::num::NonZeroUsize;

use crate::date;

/// Returns the name of a snapshot that is made at `now`, in seconds since 1970: `main-20261127T085800Z.db`.
pub(super) fn name(cluster: &str, now: i64) -> String {
    format!("{cluster}-{}.db", date::in_name(now))
}

/// Returns the name of the file with the facts about a snapshot.
pub(super) fn facts(snapshot: &str) -> String {
    format!("{snapshot}.json")
}

/// Returns which of these files are older snapshots of this cluster than the newest `keep`. The one that was made just now is
/// not among them, also where another one is named after a time in the future.
pub(super) fn outdated(
    names: &[String],
    cluster: &str,
    keep: NonZeroUsize,
    new: &str,
) -> Vec<String> {
    let mut others = snapshots(names, cluster, |name| name != new);
    others.truncate(others.len().saturating_sub(keep.get() - 1));
    others
}

/// Returns which of these files are snapshots of this cluster that are named after a later time than a new one.
pub(super) fn later(names: &[String], cluster: &str, new: &str) -> Vec<String> {
    snapshots(names, cluster, |name| name > new)
}

/// Returns the snapshots of this cluster among these files, the oldest first.
fn snapshots(names: &[String], cluster: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let names = names.iter();
    let found = names.filter(|name| is_snapshot(name, cluster) && is_wanted(name));
    let mut found: Vec<_> = found.cloned().collect();
    found.sort_unstable();
    found
}

/// Returns whether [`name`] gave this name to a snapshot of the cluster, which may be encrypted.
fn is_snapshot(name: &str, cluster: &str) -> bool {
    let time = name
        .strip_prefix(cluster)
        .and_then(|rest| rest.strip_prefix('-'))
        .map(|rest| rest.strip_suffix(".age").unwrap_or(rest))
        .and_then(|rest| rest.strip_suffix("Z.db"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some((day, second)) = time.and_then(|time| time.split_once('T')) else {
        return false;
    };
    (day.len(), second.len()) == (8, 6) && digits(day) && digits(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_snapshot_stays_also_behind_one_from_the_future() {
        let [old, new, future] = [
            "main-20261127T085800Z.db.age",
            "main-20261128T085800Z.db",
            "main-20991127T085800Z.db",
        ];
        let names = [future, new, old, "main-20261127T085800Z.db.age.json"].map(str::to_owned);
        assert_eq!(later(&names, "main", new), [future]);
        let outdated = |keep| outdated(&names, "main", NonZeroUsize::new(keep).unwrap(), new);
        assert_eq!(outdated(3), [""; 0]);
        assert_eq!(outdated(2), [old]);
        assert_eq!(outdated(1), [old, future]);
    }

    #[test]
    fn only_the_names_of_this_cluster_s_snapshots_are_recognized() {
        assert_eq!(name("main", 1_796_774_280), "main-20261208T235800Z.db");
        for encrypted in ["", ".age"] {
            let name = name("main", 1_796_774_280) + encrypted;
            assert!(is_snapshot(&name, "main"), "{name}");
        }
        for other in [
            "main-2-20261127T085800Z.db",
            "main-20261127T085800Z.db.json",
            "main-20261127T085800Z.db.age.json",
            "main-20261127T08580xZ.db",
            "main-before-the-upgrade.db",
            "other-20261127T085800Z.db",
        ] {
            assert!(!is_snapshot(other, "main"), "{other}");
        }
    }
}
