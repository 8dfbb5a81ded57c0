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
    document()?;
    tests(full, &[])
}

/// Makes every test image under target/, by the tests that compare two makings of each.
pub(crate) fn fixtures() -> Outcome {
    setup::test_tools()?;
    tests(false, &["repeat_to_the_byte"])
}

fn document() -> Outcome {
    let mut doc = program(
        "cargo",
        &[
            "doc",
            "--workspace",
            "--no-deps",
            "--document-private-items",
            "--quiet",
        ],
    );
    start(doc.env("RUSTDOCFLAGS", "-D warnings"))
}

/// nextest where it is installed, since it ends tests that hang; plain cargo elsewhere.
fn tests(full: bool, filter: &[&str]) -> Outcome {
    let (mut arguments, slow) = if succeeds("cargo", &["nextest", "--version"]) {
        (
            vec!["nextest", "run", "--workspace"],
            &["--profile", "full", "--run-ignored", "all"][..],
        )
    } else {
        (
            vec!["test", "--workspace"],
            &["--", "--include-ignored"][..],
        )
    };
    arguments.extend(filter);
    if full {
        arguments.extend(slow);
    }
    command::run("cargo", &arguments)
}
