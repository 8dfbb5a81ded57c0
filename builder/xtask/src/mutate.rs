//! Starts the mutator: builds from bases with a few damaged bytes of metadata.

use crate::command::{Outcome, program, say, start};
use crate::setup;

/// The mutator's test. It prints its figures, and every failed case with the command that repeats it.
const TEST: &str = "mutate::run::a_damaged_base_is_refused_or_gives_sound_images";
/// Options and the variables through which the test receives them.
const OPTIONS: [(&str, &str); 3] = [
    ("--cases", "MUTATE_CASES"),
    ("--seed", "MUTATE_SEED"),
    ("--first", "MUTATE_FIRST"),
];

/// Runs the mutator with these options.
pub(crate) fn run(words: &[&str]) -> Outcome {
    setup::checkers()?;
    let arguments = [
        "test",
        "--quiet",
        "--test",
        "it",
        "--",
        "--ignored",
        "--exact",
        TEST,
        "--nocapture",
    ];
    let mut command = program("cargo", &arguments);
    for pair in words.chunks(2) {
        let [option, value] = pair else {
            return Err(format!("{} needs a number", pair.join(" ")));
        };
        let known = OPTIONS.iter().find(|(name, _)| name == option);
        let (_, variable) = known.ok_or_else(|| format!("unknown option {option}"))?;
        say(&format!("{variable}={value}"));
        command.env(variable, value);
    }
    start(&mut command)
}
