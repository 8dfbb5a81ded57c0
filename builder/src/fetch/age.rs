//! Reports files in the cache that are never refreshed automatically once they are old.

use std::path::Path;

use super::Options;
use crate::{date, file};

/// The age in days after which the mirror or list probably offers something newer.
const OLD: i64 = 30;

/// Reports a cached file that is older than [`OLD`] days; `what` begins the sentence.
pub(super) fn report(what: &str, path: &Path, options: &Options<'_>) {
    let written = fs_err::metadata(path).ok();
    let written = written.and_then(|it| file::written(&it));
    let days = written.map(|it| date::days_since(it, options.clock));
    if let Some(days) = days.filter(|days| *days > OLD) {
        let line = format!(
            "note: {what} is {days} days old; `etcd-image update` looks for a newer one, and so does `--refresh`"
        );
        options.progress.note(&line);
    }
}
