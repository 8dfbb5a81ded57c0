//! Repeated queries: emulated nodes are slow, and a cluster does not answer while it elects a leader.

use std::thread;
use std::time::{Duration, Instant};

/// Delay between two queries.
const PAUSE: Duration = Duration::from_secs(2);

/// Repeats `ask` until `is_final` accepts the answer; after `limit`, returns the last answer.
pub(super) fn until<T>(
    limit: Duration,
    is_final: impl Fn(&T) -> bool,
    mut ask: impl FnMut() -> T,
) -> T {
    let started = Instant::now();
    loop {
        let answer = ask();
        if is_final(&answer) || started.elapsed() >= limit {
            return answer;
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_accepted_answer_is_returned() {
        let mut asked = 0;
        let ask = || {
            asked += 1;
            asked
        };
        assert_eq!(until(Duration::from_mins(1), |answer| *answer == 2, ask), 2);
        assert_eq!(asked, 2);
    }

    #[test]
    fn the_last_answer_is_returned_after_the_limit() {
        let last: Result<(), _> = until(Duration::ZERO, Result::is_ok, || Err("silence"));
        assert_eq!(last, Err("silence"));
    }
}
