//! Images and checkers for the tests.

pub(crate) mod checkers;
pub(crate) mod images;

use std::ffi::OsStr;
use std::process::Command;

use proptest::prelude::ProptestConfig;

/// Configures the number of random cases, which the environment variable `PROPTEST_CASES` replaces.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let asked = Some(default.cases).filter(|cases| *cases != 256);
    ProptestConfig {
        cases: asked.unwrap_or(cases),
        failure_persistence: None,
        ..default
    }
}

/// Runs another program and returns whether it succeeded, and its output.
pub(crate) fn run<S: AsRef<OsStr>>(
    program: &str,
    args: impl IntoIterator<Item = S>,
) -> (bool, String) {
    let output = Command::new(program)
        .args(args)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("E2FSPROGS_FAKE_TIME", "1700000000")
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|error| panic!("{program} is needed for these tests: {error}"));
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// Runs a program that must succeed, and returns its output.
pub(crate) fn must<S: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = S>) -> String {
    let (done, text) = run(program, args);
    assert!(done, "{program} failed:\n{text}");
    text
}
