//! Feeds parsers, file systems and decisions with damaged inputs for a while.
//!
//! A target is a test whose name contains `damaged_`, or that of `decide`; each prints how many inputs it tried.

use crate::command::{Outcome, program, start};

/// The targets, each with the options of `cargo test` for its test binary and the name of its test.
const TARGETS: [(&str, &[&str], &str); 18] = [
    ("archives", LIBRARY, "damaged_archives"),
    ("assertions", LIBRARY, "damaged_assertions"),
    ("configurations", LIBRARY, "damaged_configurations"),
    ("decisions", PROGRAM, "decide_random::"),
    ("ext4", DISKIMG, "damaged_ext4"),
    ("fat", DISKIMG, "damaged_fat"),
    ("inventories", LIBRARY, "damaged_inventories"),
    ("keys", LIBRARY, "damaged_public_keys"),
    ("lists", LIBRARY, "damaged_lists_of_digests"),
    ("locks", LIBRARY, "damaged_locks"),
    ("packages", LIBRARY, "damaged_packages"),
    ("packed", LIBRARY, "damaged_packed_images"),
    ("programs", LIBRARY, "damaged_programs"),
    ("recipes", LIBRARY, "damaged_recipes"),
    ("signatures", LIBRARY, "damaged_signatures"),
    ("signing-keys", LIBRARY, "damaged_signing_keys"),
    ("snapshots", LIBRARY, "damaged_snapshots"),
    ("tables", DISKIMG, "damaged_tables"),
];
const LIBRARY: &[&str] = &["--lib"];
const PROGRAM: &[&str] = &["--test", "it"];
const DISKIMG: &[&str] = &["--package", "diskimg", "--test", "checked"];

/// Returns the variables of a run that lasts some seconds for each target.
fn settings(seconds: u64, seed: u64) -> [(&'static str, String); 3] {
    [
        ("FUZZ_SECONDS", seconds.to_string()),
        ("FUZZ_SEED", seed.to_string()),
        // Those of diskimg count cases, of which a processor does about 20 in a second.
        ("PROPTEST_CASES", (seconds * 20 + 1).to_string()),
    ]
}

/// Runs the targets whose names contain a word, or all; see the usage of `cargo xtask`.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let (mut target, mut seconds, mut seed) = ("", 10, 1);
    let mut rest = words;
    loop {
        rest = match rest {
            [] => break,
            ["--seconds", value, rest @ ..] => {
                seconds = number(value)?;
                rest
            }
            ["--seed", value, rest @ ..] => {
                seed = number(value)?;
                rest
            }
            [name, rest @ ..] if target.is_empty() && !name.starts_with('-') => {
                target = name;
                rest
            }
            [word, ..] => return Err(format!("fuzz does not know `{word}`")),
        };
    }
    let chosen = |(name, ..): &&(&str, &[&str], &str)| target.is_empty() || *name == target;
    let targets: Vec<_> = TARGETS.iter().filter(chosen).collect();
    if targets.is_empty() {
        let names = TARGETS.map(|(name, ..)| name).join(", ");
        return Err(format!("no target is called `{target}`; known are {names}"));
    }
    for binary in [LIBRARY, DISKIMG, PROGRAM] {
        let tests = targets.iter().filter(|(_, known, _)| *known == binary);
        let tests: Vec<&str> = tests.map(|(.., test)| *test).collect();
        if tests.is_empty() {
            continue;
        }
        let words = [&["test", "--quiet"], binary, &["--", "--nocapture"], &tests].concat();
        start(program("cargo", &words).envs(settings(seconds, seed)))?;
    }
    Ok(())
}

fn number(text: &str) -> Outcome<u64> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a number of seconds or a seed"))
}
