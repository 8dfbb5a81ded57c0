//! Dates for people, times for files that people read, and days.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// The seconds of a day.
pub(crate) const DAY: i64 = 86_400;

/// Returns the number of whole days until an end; negative after it.
pub(crate) fn days_left(end: i64, now: i64) -> i64 {
    end.saturating_sub(now).div_euclid(DAY)
}

/// Returns the number of whole days since a time; 0 before it.
pub(crate) fn days_since(time: i64, now: i64) -> i64 {
    now.saturating_sub(time).max(0) / DAY
}

/// Returns the time that many days after another.
pub(crate) fn after_days(time: i64, days: u32) -> i64 {
    time.saturating_add(i64::from(days).saturating_mul(DAY))
}

/// Returns the day of a time in seconds since 1970, such as `2026-11-27`; the number itself if it is outside the calendar.
pub(crate) fn date(unix: i64) -> String {
    formatted(unix, format_description!("[year]-[month]-[day]"))
}

/// Returns a time in seconds since 1970 as RFC 3339 writes it, such as `2026-11-27T08:30:00Z`; the number itself if it is
/// outside the calendar.
pub(crate) fn time(unix: i64) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    formatted(unix, format)
}

/// Returns a time in seconds since 1970 for names of files, such as `20261127T083000Z`; the number itself if it is outside the
/// calendar.
pub(crate) fn in_name(unix: i64) -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    formatted(unix, format)
}

/// Returns a time in seconds since 1970 to the second, such as `2026-11-27 15:20:00 UTC`.
pub(crate) fn moment(unix: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    formatted(unix, format)
}

/// Returns the time in a header of HTTP, such as `Sun, 29 Nov 2026 09:11:02 GMT`, in seconds since 1970.
pub(crate) fn of_http(text: &str) -> Option<i64> {
    const HTTP: &[BorrowedFormatItem<'_>] = format_description!(
        "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
    );
    let time = PrimitiveDateTime::parse(text, HTTP).ok()?;
    Some(time.assume_utc().unix_timestamp())
}

fn formatted(unix: i64, format: &[BorrowedFormatItem<'_>]) -> String {
    let time = OffsetDateTime::from_unix_timestamp(unix).ok();
    time.and_then(|time| time.format(format).ok())
        .unwrap_or_else(|| unix.to_string())
}
