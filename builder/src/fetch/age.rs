//! Things in the cache that nobody refreshes: reported once they are old.

use std::path::Path;
use std::time::UNIX_EPOCH;

use super::Options;

const DAY: i64 = 86_400;

/// After this many days, what a mirror or a list has now is probably newer.
const OLD: i64 = 30;

/// Reports a file of the cache that was made more than [`OLD`] days ago; `what` begins the sentence.
pub(super) fn report(what: &str, path: &Path, options: &Options<'_>) {
    if let Some(days) = days(path, options.clock).filter(|days| *days > OLD) {
        let path = path.display();
        let line = format!(
            "note: {what} is {days} days old; to replace it with a newer one, remove {path}"
        );
        options.progress.note(&line);
    }
}

/// Whole days since the file was last written; `None` where its time cannot be read.
fn days(path: &Path, clock: i64) -> Option<i64> {
    let modified = fs_err::metadata(path).ok()?.modified().ok()?;
    let modified = modified.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Some(clock.saturating_sub(i64::try_from(modified).ok()?) / DAY)
}
