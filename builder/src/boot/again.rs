//! Repeated queries: emulated nodes are slow, and a cluster does not answer while it elects a leader.

use std::thread;
use std::time::{Duration, Instant};

/// Delay between two queries.
const PAUSE: Duration = Duration::from_secs(2);

/// Repeats `ask` until `keep` accepts the answer; after `limit`, returns the last answer.
pub(super) fn until<T>(
    limit: Duration,
    keep: impl Fn(&T) -> bool,
    mut ask: impl FnMut() -> T,
) -> T {
    let started = Instant::now();
    loop {
        let answer = ask();
        if keep(&answer) || started.elapsed() >= limit {
            return answer;
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_to_keep_ends_it() {
        let mut asked = 0;
        let ask = || {
            asked += 1;
            asked
        };
        assert_eq!(until(Duration::from_mins(1), |answer| *answer == 2, ask), 2);
        assert_eq!(asked, 2);
    }

    #[test]
    fn the_last_answer_is_told_when_time_is_over() {
        let last: Result<(), _> = until(Duration::ZERO, Result::is_ok, || Err("silence"));
        assert_eq!(last, Err("silence"));
    }
}
