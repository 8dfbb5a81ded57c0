//! Starts builds that system calls or a kill disturb.

use crate::command::{Outcome, program, say, start, succeeds};
use crate::setup;

/// Disturbs builds at up to `most` points of each kind.
pub(crate) fn run(most: &str) -> Outcome {
    setup::judges()?;
    if !succeeds("strace", &["-o", "/dev/null", "true"]) {
        say("strace may not trace here: builds are not disturbed");
        return Ok(());
    }
    let arguments =
        "test --quiet --test it -- --ignored faults::run:: --nocapture --test-threads 1";
    let mut command = program("cargo", &arguments.split(' ').collect::<Vec<_>>());
    start(command.env("FAULTS_MOST", most))
}
