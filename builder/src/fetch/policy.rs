//! Limits on how often and for how long a download is attempted.

use std::time::Duration;

/// The retry policy of downloads.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The number of attempts in a row with less than [`Policy::headway`] new bytes before giving up.
    pub attempts: u32,
    /// The pause after the first failed attempt, doubled after each further one.
    pub pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// The time of silence after which a connection counts as dropped.
    pub silence: Duration,
    /// The number of new bytes with which an attempt does not count as failed.
    pub headway: u64,
    /// The time in which a connection must bring [`Policy::headway`] bytes; otherwise it counts as dropped.
    pub headway_interval: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            attempts: 5,
            pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(30),
            silence: Duration::from_secs(30),
            headway: 1 << 20,
            headway_interval: Duration::from_mins(10),
        }
    }
}

impl Policy {
    /// Returns the pause after that many failures in a row.
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
