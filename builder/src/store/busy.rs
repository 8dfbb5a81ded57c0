//! The pause before the next request to a server that has answered that it is busy.
//!
//! The library repeats a request after less than a second, which is too soon for a server that limits the rate of its clients.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};

/// The pause after the first such answer; that after each further one is three times as long.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause, also if the server asks for more.
const LONGEST: Duration = Duration::from_mins(1);

/// The pause before the next request.
#[derive(Debug, Default)]
pub(super) struct Busy {
    pause: Mutex<Duration>,
}

impl Busy {
    /// Notes an answer.
    pub(super) fn note(&self, status: StatusCode, headers: &HeaderMap) {
        let mut pause = self.pause.lock().unwrap_or_else(PoisonError::into_inner);
        *pause = match is_busy(status) {
            true => longer(*pause, asked(headers)),
            false => Duration::ZERO,
        };
    }

    /// Returns the pause.
    pub(super) fn pause(&self) -> Duration {
        spread(*self.pause.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns whether a server says with this status that it is busy.
pub(super) fn is_busy(status: StatusCode) -> bool {
    [
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::TOO_MANY_REQUESTS,
    ]
    .contains(&status)
}

/// Returns the pause after a further such answer, in which the server has asked for a time.
pub(super) fn longer(pause: Duration, asked: Duration) -> Duration {
    (pause * 3).max(FIRST).max(asked).min(LONGEST)
}

/// Returns the pause, and up to half of it more: clients that were refused together must not come back together.
pub(super) fn spread(pause: Duration) -> Duration {
    let share = RandomState::new().hash_one(0_u8) % 512;
    pause + pause / 1024 * u32::try_from(share).unwrap_or(0)
}

/// Returns how long the server wants the next attempt to wait. It may name a time of day instead, which is left out.
pub(super) fn asked(headers: &HeaderMap) -> Duration {
    let seconds = headers.get(RETRY_AFTER);
    let seconds = seconds.and_then(|it| it.to_str().ok()?.trim().parse().ok());
    seconds.map_or(Duration::ZERO, Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn pauses_become_longer_until_the_server_accepts_a_request() {
        let (busy, mut headers) = (Busy::default(), HeaderMap::new());
        assert_eq!(busy.pause(), Duration::ZERO);
        for seconds in [1, 3, 9, 27, 60, 60] {
            busy.note(StatusCode::SERVICE_UNAVAILABLE, &headers);
            let (pause, least) = (busy.pause(), Duration::from_secs(seconds));
            assert!((least..=least * 3 / 2).contains(&pause), "{pause:?}");
        }
        busy.note(StatusCode::OK, &headers);
        assert_eq!(busy.pause(), Duration::ZERO);
        headers.insert(RETRY_AFTER, HeaderValue::from_static("20"));
        busy.note(StatusCode::TOO_MANY_REQUESTS, &headers);
        assert!(busy.pause() >= Duration::from_secs(20));
    }
}
