//! Reports files in the cache that are never refreshed automatically once they are old.

use std::path::Path;
use std::time::UNIX_EPOCH;

use super::Options;

const DAY: i64 = 86_400;

/// The age in days after which the mirror or list probably offers something newer.
const OLD: i64 = 30;

/// Reports a cached file that is older than [`OLD`] days; `what` begins the sentence.
pub(super) fn report(what: &str, path: &Path, options: &Options<'_>) {
    if let Some(days) = days(path, options.clock).filter(|days| *days > OLD) {
        let line = format!(
            "note: {what} is {days} days old; `etcd-image update` looks for a newer one, and so does `--refresh`"
        );
        options.progress.note(&line);
    }
}

/// Returns the number of whole days since the last write, or `None` if the modification time cannot be read.
fn days(path: &Path, clock: i64) -> Option<i64> {
    let modified = fs_err::metadata(path).ok()?.modified().ok()?;
    let modified = modified.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(clock.saturating_sub(i64::try_from(modified).ok()?) / DAY)
}
