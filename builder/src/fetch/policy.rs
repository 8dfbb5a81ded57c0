//! How often and how long a download is tried.

use std::time::Duration;

/// How patient a download is.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// Attempts in a row that bring less than [`Policy::headway`], before giving up.
    pub attempts: u32,
    /// Pause after the first failed attempt; doubled after each further one.
    pub pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
    /// A connection silent for this long counts as dropped.
    pub silence: Duration,
    /// New bytes that make an attempt worth forgiving its end.
    pub headway: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 5,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
            silence: Duration::from_secs(30),
            headway: 1 << 20,
        }
    }
}

impl Policy {
    /// How long to wait after that many failures in a row.
    pub(super) fn pause_after(&self, failures: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        self.pause.saturating_mul(doubled).min(self.longest_pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let seconds = |failures| Policy::default().pause_after(failures).as_secs();
        assert_eq!([1, 2, 3, 6, 40].map(seconds), [1, 2, 4, 30, 30]);
    }
}
