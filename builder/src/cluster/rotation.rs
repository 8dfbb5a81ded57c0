//! The names of snapshots in a directory of backups, and which of them to remove.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::Result;
use time::OffsetDateTime;
use time::macros::format_description;

use super::output;

/// Returns the name of a snapshot that is made at `now`, in seconds since 1970: `main-20261127T085800Z.db`.
pub(super) fn name(cluster: &str, now: i64) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    let time = OffsetDateTime::from_unix_timestamp(now).ok();
    let time = time.and_then(|time| time.format(format).ok());
    format!("{cluster}-{}.db", time.unwrap_or_else(|| now.to_string()))
}

/// Returns the file with the facts about a snapshot.
pub(super) fn facts(snapshot: &Path) -> PathBuf {
    let mut name = snapshot.as_os_str().to_owned();
    name.push(".json");
    name.into()
}

/// Removes all but the newest `keep` snapshots of this cluster, and returns them. The one that was made just now stays, also
/// where another one is named after a time in the future.
pub(super) fn rotate(
    folder: &Path,
    cluster: &str,
    keep: NonZeroUsize,
    new: &Path,
) -> Result<Vec<PathBuf>> {
    let mut names = output::names(folder)?;
    names.retain(|name| is_snapshot(name, cluster) && folder.join(name) != new);
    names.sort_unstable();
    let others = keep.get() - 1;
    names.truncate(names.len().saturating_sub(others));
    let old: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    for snapshot in &old {
        output::remove(&facts(snapshot))?;
        output::remove(snapshot)?;
    }
    Ok(old)
}

/// Returns the snapshots of this cluster that are named after a later time than a new one.
pub(super) fn later(folder: &Path, cluster: &str, new: &Path) -> Result<Vec<PathBuf>> {
    let mut names = output::names(folder)?;
    names.retain(|name| is_snapshot(name, cluster) && folder.join(name).as_path() > new);
    names.sort_unstable();
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

/// Returns whether [`name`] gave this name to a snapshot of the cluster.
fn is_snapshot(name: &str, cluster: &str) -> bool {
    let time = name
        .strip_prefix(cluster)
        .and_then(|rest| rest.strip_prefix('-'))
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
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let [old, new, future] = [
            "main-20261127T085800Z.db",
            "main-20261128T085800Z.db",
            "main-20991127T085800Z.db",
        ];
        for name in [old, new, future] {
            fs_err::write(at(name), "").unwrap();
        }
        assert_eq!(
            later(folder.path(), "main", &at(new)).unwrap(),
            [at(future)]
        );
        let rotate = |keep| {
            rotate(
                folder.path(),
                "main",
                NonZeroUsize::new(keep).unwrap(),
                &at(new),
            )
        };
        assert_eq!(rotate(2).unwrap(), [at(old)]);
        assert_eq!(rotate(1).unwrap(), [at(future)]);
        assert!(at(new).exists());
    }

    #[test]
    fn only_the_names_of_this_cluster_s_snapshots_are_recognized() {
        assert_eq!(name("main", 1_796_774_280), "main-20261208T235800Z.db");
        assert!(is_snapshot(&name("main", 1_796_774_280), "main"));
        for other in [
            "main-2-20261127T085800Z.db",
            "main-20261127T085800Z.db.json",
            "main-20261127T08580xZ.db",
            "main-before-the-upgrade.db",
            "other-20261127T085800Z.db",
        ] {
            assert!(!is_snapshot(other, "main"), "{other}");
        }
    }
}
