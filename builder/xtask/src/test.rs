//! Everything that must hold before a change lands, in the order in which it fails fastest.

use crate::command::{self, Outcome, program, start, succeeds};
use crate::setup;

/// Format, lints, documentation, tests; `full` adds the slow ones.
pub(crate) fn run(full: bool) -> Outcome {
    setup::test_tools()?;
    command::run("cargo", &["fmt", "--all", "--check"])?;
    command::run(
        "cargo",
        &[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
    )?;
    start(
        program(
            "cargo",
            &[
                "doc",
                "--workspace",
                "--no-deps",
                "--document-private-items",
                "--quiet",
            ],
        )
        .env("RUSTDOCFLAGS", "-D warnings"),
    )?;
    tests(full)
}

fn tests(full: bool) -> Outcome {
    let nextest = succeeds("cargo", &["nextest", "--version"]);
    let mut arguments = match nextest {
        true => vec!["nextest", "run", "--workspace", "--no-tests", "fail"],
        false => vec!["test", "--workspace", "--quiet"],
    };
    match (full, nextest) {
        (true, true) => arguments.extend(["--profile", "full", "--run-ignored", "all"]),
        (true, false) => arguments.extend(["--", "--include-ignored"]),
        (false, _) => {}
    }
    command::run("cargo", &arguments)
}
