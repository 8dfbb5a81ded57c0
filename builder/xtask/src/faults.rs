//! Starts builds that system calls or a kill disturb.

use crate::command::{Outcome, program, say, start, succeeds};
use crate::setup;

/// Disturbs builds at up to `most` points of each kind.
pub(crate) fn run(most: &str) -> Outcome {
    start_with("FAULTS_MOST", most)
}

/// Disturbs each build at a few points, always the same ones.
pub(crate) fn sample() -> Outcome {
    start_with("FAULTS_TOTAL", SAMPLE)
}

/// The points of each build in [`sample`], which takes seconds.
const SAMPLE: &str = "6";

fn start_with(variable: &str, most: &str) -> Outcome {
    setup::checkers()?;
    if !succeeds("strace", &["-o", "/dev/null", "true"]) {
        say("strace may not trace here: builds are not disturbed");
        return Ok(());
    }
    let arguments =
        "test --quiet --test it -- --ignored faults::run:: --nocapture --test-threads 1";
    let mut command = program("cargo", &arguments.split(' ').collect::<Vec<_>>());
    start(command.env(variable, most))
}
