//! Days as people read them.

use time::OffsetDateTime;
use time::macros::format_description;

/// The day of a moment in seconds since 1970, such as `2026-11-27`; the number itself where no calendar has it.
pub(crate) fn date(unix: i64) -> String {
    let format = format_description!("[year]-[month]-[day]");
    let time = OffsetDateTime::from_unix_timestamp(unix).ok();
    time.and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| unix.to_string())
}
