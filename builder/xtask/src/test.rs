//! The checks that must pass before a change lands, those that fail fastest first.

use crate::command::{self, Outcome, program, start, succeeds};
use crate::{cases, demo, faults, fuzz, lab, mutate, setup};

/// The test that boots a three-node cluster and is part of every [`run`].
const ONE_CLUSTER: &str = "boot::cluster::boot_shows_a_healthy_cluster_and_leaves_the_images_alone";
/// The modules of the boot tests that CI runs.
const GATE: [&str; 2] = ["boot::cluster::", "boot::appliance::"];
/// The modules of the boot tests that only `--full` runs, of those that need Slurm, and of commands that are disturbed many times.
const FULL: [&str; 7] = [
    "boot::members::",
    "boot::commands::",
    "boot::growth::",
    "boot::recovery::",
    "boot::full::",
    "fleet::slurm::",
    "cluster::failures::",
];

/// The modules of the tests that boot nothing and take long: of running clusters, which mostly wait, and of those that use the
/// processors meanwhile. They need two thirds of the time of all tests that boot nothing.
const SLOW: [&str; 13] = [
    "cluster::",
    "stores::",
    "store::s3::tests::",
    "fleet::",
    "core::",
    "build::compressed::",
    "build::foreign::",
    "build::interrupted::",
    "build::killed::",
    "build::lock::",
    "build::publication::",
    "build::tampered::",
    "cli::update::",
];

/// The laboratory's arguments in [`run_slow`]: always the same seeds, so that the result does not depend on luck.
const SCENARIOS: [&str; 5] = ["--scenarios", "100", "--brief", "--seed", "1"];
/// The laboratory's arguments in [`run_full`]: new seeds each time.
const MANY_SCENARIOS: [&str; 2] = ["--scenarios", "1000"];

/// The mutator's options in [`run_slow`]: always the same seed, so that the result does not depend on luck.
const MUTATIONS: [&str; 4] = ["--cases", "500", "--seed", "1"];

/// Checks format, lints and documentation, runs every test that boots nothing but those of [`SLOW`], and boots one cluster.
pub(crate) fn run() -> Outcome {
    command::run("cargo", &["fmt", "--all", "--check"])?;
    setup::installed()?;
    // What is fetched waits for the network, while the compiler needs the processors.
    let fetch = || setup::unpack_checkers().and_then(|()| lab::etcd());
    command::both(fetch, || check().and_then(|()| document()))?;
    let skipped = SLOW.iter().flat_map(|module| ["--skip", *module]);
    without_boots(&["--"].into_iter().chain(skipped).collect::<Vec<_>>())?;
    boots(&[ONE_CLUSTER])
}

/// Runs what CI runs besides [`run`] and boots nothing: the tests of [`SLOW`], the mutator, some disturbed builds and the laboratory.
pub(crate) fn run_slow() -> Outcome {
    setup::checkers()?;
    lab::etcd()?;
    run_slow_with(&MUTATIONS, faults::sample, &SCENARIOS)
}

fn run_slow_with(
    mutator: &[&str],
    disturb: impl FnOnce() -> Outcome,
    laboratory: &[&str],
) -> Outcome {
    without_boots(&[&["--"][..], &SLOW].concat())?;
    mutate::run(mutator)?;
    disturb()?;
    lab::run(laboratory)
}

/// Boots the clusters of CI that [`run`] does not boot.
pub(crate) fn run_boots() -> Outcome {
    setup::tools()?;
    boots(&[&GATE[..], &["--skip", ONE_CLUSTER]].concat())
}

/// Runs everything: [`run`], what [`run_slow`] runs with larger numbers, every test that boots machines, and a fleet on Slurm.
pub(crate) fn run_full() -> Outcome {
    let seed = std::time::UNIX_EPOCH
        .elapsed()
        .map_or(0, |time| time.as_secs());
    let mutator = ["--cases", "20000", "--seed", &seed.to_string()];
    run()?;
    run_slow_with(&mutator, || faults::run("100"), &MANY_SCENARIOS)?;
    let seed = seed.to_string();
    fuzz::run(&["--seconds", "600", "--seed", &seed])?;
    fuzz::run(&["--coverage", "--seconds", "60", "--seed", &seed])?;
    setup::slurm()?;
    cases::etcd_for_nodes()?;
    boots(&[&GATE[..], &FULL, &["--skip", ONE_CLUSTER]].concat())
}

/// Runs the tests that take a moment (the profile `quick` of nextest lists the others); with arguments, all tests that boot
/// nothing and whose names contain one of them.
pub(crate) fn run_quick(names: &[&str]) -> Outcome {
    setup::checkers()?;
    lab::etcd()?;
    if names.is_empty() && has_nextest() {
        let quick = "nextest run --workspace --profile quick";
        return command::run("cargo", &quick.split(' ').collect::<Vec<_>>());
    }
    without_boots(names)
}

fn check() -> Outcome {
    let clippy = "clippy --workspace --all-targets -- -D warnings";
    command::run("cargo", &clippy.split(' ').collect::<Vec<_>>())?;
    licenses()
}

/// Checks `.deny.toml` if `cargo deny` is installed. Compiling it takes longer than all tests. Without it, only licenses are not
/// checked: the tests check the denied crates and sources themselves.
fn licenses() -> Outcome {
    if succeeds("cargo", &["deny", "--version"]) {
        return command::run("cargo", &["deny", "check", "bans", "licenses", "sources"]);
    }
    command::say("cargo deny is not installed: licenses are not checked");
    Ok(())
}

/// Makes every test image under target/ by running the tests that make each image twice and compare the results.
pub(crate) fn fixtures() -> Outcome {
    setup::checkers()?;
    without_boots(&["repeat_to_the_byte"])
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

/// Runs every test that boots nothing. Uses nextest if it is installed, because it ends tests that hang, and cargo otherwise.
///
/// Of each of nextest's two groups of tests, as many run at once as there are processors.
fn without_boots(filter: &[&str]) -> Outcome {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (2 * processors).to_string();
    let runner: &[&str] = if has_nextest() {
        &["nextest", "run", "--workspace", "--test-threads", &threads]
    } else {
        &["test", "--workspace"]
    };
    command::run("cargo", &[runner, filter].concat())
}

/// Runs tests that boot clusters made from the real base, one at a time. `chosen` lists test names and options of the test
/// binary.
pub(crate) fn boots(chosen: &[&str]) -> Outcome {
    command::run("cargo", &["build", "--quiet", "--bin", "etcd-image"])?;
    command::retry(|| command::run(demo::PROGRAM, &FETCH))?;
    let runner = match has_nextest() {
        true => "nextest run --test it --profile boot --run-ignored only --",
        false => "test --test it -- --ignored --test-threads 1",
    };
    let arguments: Vec<&str> = runner.split(' ').chain(chosen.iter().copied()).collect();
    command::run("cargo", &arguments)
}

/// The command that downloads the base and etcd of the boot tests.
const FETCH: [&str; 5] = ["fetch", "--base", "debian-trixie", "--etcd", "debian"];

fn has_nextest() -> bool {
    succeeds("cargo", &["nextest", "--version"])
}
