//! Starts builds that system calls or a kill disturb, and parsers with damaged inputs.

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

/// Gives every parser so many damaged inputs, other ones for each seed.
pub(crate) fn parsers(rounds: &str, seed: &str) -> Outcome {
    let arguments = ["test", "--quiet", "--lib", "damaged_"];
    let mut command = program("cargo", &arguments);
    start(command.env("FUZZ_ROUNDS", rounds).env("FUZZ_SEED", seed))
}
