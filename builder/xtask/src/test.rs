//! Everything that must hold before a change lands, in the order in which it fails fastest.

use crate::command::{self, Outcome, program, start, succeeds};
use crate::{demo, setup};

/// Format, lints, documentation, tests, booted clusters; `full` boots more of them.
pub(crate) fn run(full: bool) -> Outcome {
    setup::tools()?;
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
    quick(&[])?;
    boots(full)
}

/// Makes every test image under target/, by the tests that compare two makings of each.
pub(crate) fn fixtures() -> Outcome {
    setup::judges()?;
    quick(&["repeat_to_the_byte"])
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

/// Every test that boots nothing. nextest where it is installed, since it ends tests that hang; plain cargo elsewhere.
fn quick(filter: &[&str]) -> Outcome {
    let runner: &[&str] = if has_nextest() {
        &["nextest", "run", "--workspace"]
    } else {
        &["test", "--workspace"]
    };
    command::run("cargo", &[runner, filter].concat())
}

/// The tests that boot clusters made from the real base, one at a time; none is skipped where machines cannot boot.
fn boots(full: bool) -> Outcome {
    command::run("cargo", &["build", "--quiet", "--bin", "etcd-image"])?;
    command::persist(|| command::run(demo::PROGRAM, &FETCH))?;
    let which: &[&str] = if full {
        &[
            "boot::",
            "boot_appliance::",
            "boot_members::",
            "boot_full::",
        ]
    } else {
        &["boot::", "boot_appliance::"]
    };
    let runner = match has_nextest() {
        true => "nextest run --test it --profile boot --run-ignored only",
        false => "test --test it -- --ignored --test-threads 1",
    };
    let arguments: Vec<&str> = runner.split(' ').chain(which.iter().copied()).collect();
    command::run("cargo", &arguments)
}

/// What the images of the boot tests are made from.
const FETCH: [&str; 5] = ["fetch", "--base", "debian-trixie", "--etcd", "debian"];

fn has_nextest() -> bool {
    succeeds("cargo", &["nextest", "--version"])
}
