//! HTTP headers that make resuming safe.

use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED};

/// A `Content-Range` header (RFC 9110 §14.4): `bytes 5-9/10`, `bytes 5-9/*` or `bytes */10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// The first byte of the response, if it has any.
    pub(super) start: Option<u64>,
    /// The length of the whole file, if the server reports it.
    pub(super) total: Option<u64>,
}

impl ContentRange {
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        Self::parse(header(headers, CONTENT_RANGE)?)
    }

    fn parse(header: &str) -> Option<Self> {
        let (range, total) = header.trim().strip_prefix("bytes ")?.split_once('/')?;
        let start = match range {
            "*" => None,
            _ => Some(range.split_once('-')?.0.parse().ok()?),
        };
        let total = match total {
            "*" => None,
            _ => Some(total.parse().ok()?),
        };
        Some(Self { start, total })
    }
}

/// Returns a validator that `If-Range` accepts: a strong `ETag`, else `Last-Modified`.
pub(super) fn validator(headers: &HeaderMap) -> Option<String> {
    let etag = header(headers, ETAG).filter(|etag| !etag.starts_with("W/"));
    etag.or_else(|| header(headers, LAST_MODIFIED))
        .map(str::to_owned)
}

fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Returns the length of the body, if the server reports it.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    header(headers, CONTENT_LENGTH)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_three_forms_and_nothing_else() {
        let of = |text| ContentRange::parse(text).map(|range| (range.start, range.total));
        assert_eq!(of("bytes 5-9/10"), Some((Some(5), Some(10))));
        assert_eq!(of("bytes 5-9/*"), Some((Some(5), None)));
        assert_eq!(of("bytes */10"), Some((None, Some(10))));
        for text in [
            "",
            "bytes",
            "bytes 5/10",
            "bytes -/10",
            "lines 5-9/10",
            "bytes 5-9/x",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
