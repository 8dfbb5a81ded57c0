//! The events of a scenario, line by line, on standard output.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A log whose lines start with the seconds since the scenario began. Clones write to the same place.
#[derive(Clone, Debug)]
pub(super) struct History(Arc<Instant>);

impl History {
    pub(super) fn new() -> Self {
        Self(Arc::new(Instant::now()))
    }

    pub(super) fn add(&self, line: &str) {
        say(&format!("{:8.3} {line}", self.elapsed().as_secs_f64()));
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Prints a line on standard output. A closed stream is ignored.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints a line on standard error.
pub(super) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
