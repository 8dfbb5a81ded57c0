//! Feeds parsers with damaged inputs: whatever they return, they must not panic or loop.
//!
//! Each target starts from a few sound inputs and changes them at random, after those of `builder/fuzz/corpus`. The numbers
//! follow from a seed, so that a run repeats: `FUZZ_SEED` and `FUZZ_ROUNDS` choose others, and `FUZZ_SECONDS` sets a time instead
//! of a number. The last input is printed if a target panics. `cargo xtask fuzz` starts the targets; with `--coverage`, the
//! functions of `builder/fuzz` take the place of these.
#![cfg(target_os = "linux")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Instant;

use lab::rng::Rng;

/// The damaged inputs of each target in the tests.
const ROUNDS: u64 = 2000;
/// The most changes of one input.
const CHANGES: u64 = 8;
/// The longest block that is repeated or removed.
const BLOCK: u64 = 40;

/// Calls the target with the inputs saved under its name, and with many damaged ones.
#[track_caller]
#[expect(clippy::print_stdout, reason = "the figures of the run")]
pub(crate) fn survives(name: &str, sound: &[Vec<u8>], target: impl Fn(&[u8])) {
    let saved = saved(name);
    for (path, input) in &saved {
        let outcome = catch_unwind(AssertUnwindSafe(|| target(input)));
        assert!(outcome.is_ok(), "{path}");
    }
    let seed = setting("FUZZ_SEED", 1);
    let seconds = setting("FUZZ_SECONDS", 0);
    let rounds = setting("FUZZ_ROUNDS", if seconds > 0 { u64::MAX } else { ROUNDS });
    let started = Instant::now();
    let mut tried = 0_u64;
    for round in 0..rounds {
        if seconds > 0 && started.elapsed().as_secs() >= seconds {
            break;
        }
        let input = damaged(sound, &mut Rng::new(seed << 32 ^ round));
        let outcome = catch_unwind(AssertUnwindSafe(|| target(&input)));
        let shown = String::from_utf8_lossy(&input);
        assert!(
            outcome.is_ok(),
            "seed {seed}, round {round}: {input:?}\n{shown}"
        );
        tried = round + 1;
    }
    let saved = saved.len();
    println!("{name}: {saved} saved inputs, and {tried} damaged ones from seed {seed}");
}

/// Calls the target with many damaged texts.
#[track_caller]
pub(crate) fn survives_texts(name: &str, sound: &[&str], target: impl Fn(&str)) {
    let sound: Vec<Vec<u8>> = sound.iter().map(|text| text.as_bytes().to_vec()).collect();
    survives(name, &sound, |bytes| {
        target(&String::from_utf8_lossy(bytes));
    });
}

/// Returns the inputs of a target that are worth trying each time, with their paths.
fn saved(name: &str) -> Vec<(String, Vec<u8>)> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("builder/fuzz/corpus");
    let Ok(entries) = fs_err::read_dir(corpus.join(name)) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("a corpus that can be listed").path());
    let mut saved: Vec<_> = paths
        .map(|path| {
            let input = fs_err::read(&path).expect("a readable input");
            (path.display().to_string(), input)
        })
        .collect();
    saved.sort();
    saved
}

fn setting(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |value| value.parse().expect("a number"))
}

fn damaged(sound: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = sound[rng.index(sound.len())].clone();
    for _ in 0..=rng.below(CHANGES) {
        change(&mut bytes, sound, rng);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, sound: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.index(bytes.len() + 1);
    let end = bytes
        .len()
        .min(at + rng.index(usize::try_from(BLOCK).unwrap_or(1)) + 1);
    match rng.below(8) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let block = bytes[at..end].to_vec();
            bytes.splice(at..at, block);
        }
        3 => {
            let other = &sound[rng.index(sound.len())];
            let from = rng.index(other.len() + 1);
            bytes.splice(at.., other[from..].iter().copied());
        }
        4 => bytes.insert(at, EXTREMES[rng.index(EXTREMES.len())]),
        kind => {
            let Some(byte) = bytes.get_mut(at) else {
                return;
            };
            *byte = match kind {
                5 => *byte ^ (1 << rng.below(8)),
                6 => EXTREMES[rng.index(EXTREMES.len())],
                _ => rng.below(256).to_le_bytes()[0],
            };
        }
    }
}

/// Bytes with a meaning in many formats.
const EXTREMES: [u8; 14] = *b"\0\x01\x7F\x80\xFF\n\" '=[.-9";
