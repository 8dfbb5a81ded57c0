//! What happened in a scenario, line by line, on standard output.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Writes lines with the seconds since the scenario began. Clones write to the same place.
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

/// One line on standard output; a closed stream leaves nobody to tell.
pub(super) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

/// One line on standard error.
pub(super) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}
