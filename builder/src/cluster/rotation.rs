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

/// Removes all but the newest `keep` snapshots of this cluster, and returns them.
pub(super) fn rotate(folder: &Path, cluster: &str, keep: NonZeroUsize) -> Result<Vec<PathBuf>> {
    let mut names = output::names(folder)?;
    names.retain(|name| is_snapshot(name, cluster));
    names.sort_unstable();
    names.truncate(names.len().saturating_sub(keep.get()));
    let old: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    for snapshot in &old {
        output::remove(&facts(snapshot))?;
        output::remove(snapshot)?;
    }
    Ok(old)
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
