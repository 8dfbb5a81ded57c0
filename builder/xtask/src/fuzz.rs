//! Feeds parsers, file systems and decisions with damaged inputs for a while.
//!
//! A target is a test whose name contains `damaged_`, or that of `decide`; each prints how many inputs it tried. The changes are
//! random. With `--coverage`, libFuzzer makes them, which keeps the inputs that reach new code of this repository: its crates are
//! compiled with counters, and `builder/fuzz` takes the place of the loop in the tests. This needs a C++ compiler, and neither
//! `cargo fuzz` nor a nightly compiler.

use crate::command::{self, Outcome, program, root, start};

/// The name of a target, the options of `cargo test` for its test binary, and the name of its test.
type FuzzTarget = (&'static str, &'static [&'static str], &'static str);

const TARGETS: [FuzzTarget; 20] = [
    ("archives", LIBRARY, "damaged_archives"),
    ("assertions", LIBRARY, "damaged_assertions"),
    ("configurations", LIBRARY, "damaged_configurations"),
    ("decisions", PROGRAM, "decide_random::"),
    ("ext4", DISKIMG, "damaged_ext4_with_checksums"),
    ("ext4-unchecked", DISKIMG, "damaged_ext4_without_checksums"),
    ("fat16", DISKIMG, "damaged_fat16"),
    ("fat32", DISKIMG, "damaged_fat32"),
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

/// What a run was asked for.
struct FuzzRun<'a> {
    target: &'a str,
    seconds: u64,
    seed: u64,
    has_coverage: bool,
}

/// Runs the targets whose names contain a word, or all; see the usage of `cargo xtask`.
pub(crate) fn run(words: &[&str]) -> Outcome {
    let wanted = parsed(words)?;
    let chosen = |(name, ..): &&FuzzTarget| wanted.target.is_empty() || *name == wanted.target;
    let targets: Vec<&FuzzTarget> = TARGETS.iter().filter(chosen).collect();
    if targets.is_empty() {
        let names = TARGETS.map(|(name, ..)| name).join(", ");
        let target = wanted.target;
        return Err(format!("no target is called `{target}`; known are {names}"));
    }
    if wanted.has_coverage {
        return guided(&wanted, &targets);
    }
    for binary in [LIBRARY, DISKIMG, PROGRAM] {
        let tests = targets.iter().filter(|(_, known, _)| *known == binary);
        let tests: Vec<&str> = tests.map(|(.., test)| *test).collect();
        if tests.is_empty() {
            continue;
        }
        let words = [&["test", "--quiet"], binary, &["--", "--nocapture"], &tests].concat();
        start(program("cargo", &words).envs(settings(wanted.seconds, wanted.seed)))?;
    }
    Ok(())
}

fn parsed<'a>(words: &[&'a str]) -> Outcome<FuzzRun<'a>> {
    let mut wanted = FuzzRun {
        target: "",
        seconds: 10,
        seed: 1,
        has_coverage: false,
    };
    let mut rest = words;
    loop {
        rest = match rest {
            [] => return Ok(wanted),
            ["--seconds", value, rest @ ..] => {
                wanted.seconds = number(value)?;
                rest
            }
            ["--seed", value, rest @ ..] => {
                wanted.seed = number(value)?;
                rest
            }
            ["--coverage", rest @ ..] => {
                wanted.has_coverage = true;
                rest
            }
            [name, rest @ ..] if wanted.target.is_empty() && !name.starts_with('-') => {
                wanted.target = name;
                rest
            }
            [word, ..] => return Err(format!("fuzz does not know `{word}`")),
        };
    }
}

fn number(text: &str) -> Outcome<u64> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a number of seconds or a seed"))
}

/// Returns the variables of a run that lasts some seconds for each target.
fn settings(seconds: u64, seed: u64) -> [(&'static str, String); 3] {
    [
        ("FUZZ_SECONDS", seconds.to_string()),
        ("FUZZ_SEED", seed.to_string()),
        // Those of diskimg count cases, of which a processor does about 20 in a second.
        ("PROPTEST_CASES", (seconds * 20 + 1).to_string()),
    ]
}

/// Runs one target after the other under libFuzzer, without the program of nodes, which is a shell script. The inputs that reach
/// new code stay in target/fuzz/corpus for the next run.
fn guided(wanted: &FuzzRun, targets: &[&FuzzTarget]) -> Outcome {
    let library = "build --quiet --manifest-path builder/fuzz/Cargo.toml --target-dir target/fuzz";
    command::run("cargo", &library.split(' ').collect::<Vec<_>>())?;
    for (name, binary, test) in targets {
        if *binary == PROGRAM {
            continue;
        }
        let words = [&["test", "--quiet"], *binary, &["--", "--nocapture", test]].concat();
        let mut test = program("cargo", &words);
        test.env(
            "RUSTC_WORKSPACE_WRAPPER",
            root().join("builder/fuzz/rustc.sh"),
        )
        .env("FUZZ_LIBRARIES", root().join("target/fuzz/debug"))
        .env("RUST_MIN_STACK", "33554432")
        .env("FUZZ_ARGUMENTS", arguments(wanted, name));
        start(&mut test)?;
    }
    Ok(())
}

/// Returns the arguments of libFuzzer, one in a line.
fn arguments(wanted: &FuzzRun, name: &str) -> String {
    let root = root();
    let root = root.display();
    let mut lines = vec![
        format!("-max_total_time={}", wanted.seconds),
        format!("-seed={}", wanted.seed),
        "-max_len=4096".to_owned(),
        "-len_control=0".to_owned(),
        "-timeout=30".to_owned(),
        "-rss_limit_mb=4096".to_owned(),
        "-print_final_stats=1".to_owned(),
        format!("-artifact_prefix={root}/target/fuzz/{name}-"),
        format!("{root}/target/fuzz/corpus/{name}"),
    ];
    let saved = format!("{root}/builder/fuzz/corpus/{name}");
    if std::path::Path::new(&saved).is_dir() {
        lines.push(saved);
    }
    lines.join("\n")
}
