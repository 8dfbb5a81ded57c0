//! Dates for people, and times for files that people read.

use time::OffsetDateTime;
use time::macros::format_description;

/// Returns the day of a time in seconds since 1970, such as `2026-11-27`; the number itself if it is outside the calendar.
pub(crate) fn date(unix: i64) -> String {
    let format = format_description!("[year]-[month]-[day]");
    let time = OffsetDateTime::from_unix_timestamp(unix).ok();
    time.and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| unix.to_string())
}

/// Returns a time in seconds since 1970 as RFC 3339 writes it, such as `2026-11-27T08:30:00Z`; the number itself if it is
/// outside the calendar.
pub(crate) fn time(unix: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let time = OffsetDateTime::from_unix_timestamp(unix).ok();
    time.and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| unix.to_string())
}

/// Returns a time in seconds since 1970 to the second, such as `2026-11-27 15:20:00 UTC`.
pub(crate) fn moment(unix: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    let time = OffsetDateTime::from_unix_timestamp(unix).ok();
    time.and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| unix.to_string())
}
