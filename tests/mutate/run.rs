//! Runs the cases on all processors. The environment chooses them: `MUTATE_SEED`, `MUTATE_CASES`, `MUTATE_FIRST`.

use std::fs::File;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use lab::rng::Rng;

use super::case::{Bench, End};
use super::metadata::structures;
use super::mutation::Mutation;
use crate::support::fixture::image;

/// The bases, used in turn: damage to metadata without checksums is harder to notice.
const BASES: [&str; 2] = ["raspios-trixie+small", "raspios-trixie+small+unchecked"];
/// The number of failed cases after which a run ends.
const ENOUGH: usize = 25;

/// The chosen cases and what came of them.
struct Run {
    seed: u64,
    next: AtomicU64,
    end: u64,
    refused: AtomicU64,
    clean: AtomicU64,
    failures: Mutex<Vec<String>>,
}

#[test]
#[expect(clippy::print_stdout, reason = "the figures of the run")]
#[ignore = "started by `cargo xtask mutate`, which chooses the cases"]
fn a_damaged_base_is_refused_or_gives_sound_images() {
    let first = setting("MUTATE_FIRST", 0);
    let run = Run {
        seed: setting("MUTATE_SEED", 1),
        next: AtomicU64::new(first),
        end: first + setting("MUTATE_CASES", 500),
        refused: AtomicU64::new(0),
        clean: AtomicU64::new(0),
        failures: Mutex::default(),
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().unwrap().get() {
            scope.spawn(|| run.work());
        }
    });
    let (refused, clean) = (run.refused.into_inner(), run.clean.into_inner());
    let failures = run.failures.into_inner().unwrap();
    println!(
        "seed {}: {refused} refused, {clean} built clean, {} failed",
        run.seed,
        failures.len()
    );
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(clean > 0 && refused > 0, "cases that show nothing");
}

impl Run {
    fn work(&self) {
        let benches = BASES.map(|base| (Bench::new(base), structures(&image(base))));
        loop {
            let case = self.next.fetch_add(1, Ordering::Relaxed);
            if case >= self.end || self.failures.lock().unwrap().len() >= ENOUGH {
                return;
            }
            let chosen = usize::from(case % 2 == 1);
            let (bench, structures) = &benches[chosen];
            let number = Rng::new(self.seed ^ case << 32).number();
            let mutation = Mutation::new(&File::open(&bench.base).unwrap(), structures, number);
            match bench.run(&mutation) {
                Ok(End::Refused) => self.refused.fetch_add(1, Ordering::Relaxed),
                Ok(End::Clean) => self.clean.fetch_add(1, Ordering::Relaxed),
                Err(why) => self.fail(case, BASES[chosen], &mutation, &why),
            };
        }
    }

    fn fail(&self, case: u64, base: &str, mutation: &Mutation, why: &str) -> u64 {
        let seed = self.seed;
        let again = format!("cargo xtask mutate --seed {seed} --first {case} --cases 1");
        let report = format!("case {case} of {base} ({again}):\n{mutation}{why}");
        self.failures.lock().unwrap().push(report);
        0
    }
}

fn setting(name: &str, otherwise: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(otherwise, |value| value.parse().unwrap())
}
