//! Scales the laboratory's times to this machine: to the speed of its processors, and to its load at the moment.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// The environment variable in which a process gets [`processor_factor`] from the one that started it.
pub(super) const VARIABLE: &str = "LAB_DELAY";

/// The steps of a piece of work, and the time that it takes on the machine on which the laboratory's times were chosen.
const STEPS: u32 = 200_000;
const REFERENCE: Duration = Duration::from_micros(375);
/// The number of trials, of which the fastest one counts: other processes interrupt the others.
const TRIALS: u32 = 60;

/// How many tasks for each processor are ready to run while scenarios run as fast as they should.
const BUSY: f64 = 6.0;
/// How many tasks for each processor may be ready when another scenario starts. With more, the scenarios would not end sooner, and the
/// time limits of etcd do not grow with the load.
const FULL: f64 = 4.0;
/// The number of samples over which [`RunQueue`] averages.
const SAMPLES: f64 = 100.0;

/// Returns the factor by which times are multiplied now, at least 1. It grows with the load, as long as that lasts.
pub(super) fn time_factor() -> f64 {
    processor_factor() * (field(0) / BUSY / processors_f64()).clamp(1.0, 8.0)
}

/// Returns the factor by which this machine's processors are slower than those of the machine that [`REFERENCE`] is from, 1 to 4.
pub(super) fn processor_factor() -> f64 {
    static DELAY: OnceLock<f64> = OnceLock::new();
    let inherited = || std::env::var(VARIABLE).ok()?.parse().ok();
    *DELAY.get_or_init(|| inherited().unwrap_or_else(measured))
}

fn measured() -> f64 {
    let trial = |_| {
        let start = Instant::now();
        let _ = black_box(work());
        start.elapsed()
    };
    let fastest = (0..TRIALS).map(trial).min().unwrap_or_default();
    (fastest.as_secs_f64() / REFERENCE.as_secs_f64()).clamp(1.0, 4.0)
}

/// Each step waits for the result of the one before, so that it takes the same time with every level of optimization. Calls and
/// iterators would take several times as long without it.
fn work() -> u64 {
    let (mut state, mut step) = (1_u64, 0);
    while step < STEPS {
        state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        step += 1;
    }
    state
}

/// How many tasks of this machine are ready to run, on average over the last samples.
#[derive(Debug, Default)]
pub(super) struct RunQueue(f64);

impl RunQueue {
    pub(super) fn sample(&mut self) {
        self.0 += (field(3) - self.0) / SAMPLES;
    }

    /// Returns whether one more scenario would only wait for the others.
    pub(super) fn is_full(&self) -> bool {
        self.0 > FULL * processors_f64()
    }
}

pub(super) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

#[expect(clippy::cast_precision_loss, reason = "no machine has 2^52 processors")]
fn processors_f64() -> f64 {
    processors() as f64
}

/// Returns a number of `/proc/loadavg`, such as `0.20 0.18 0.12 1/80 11206`: the load of the last minute is the first one, and
/// the tasks that are ready now are the fourth.
fn field(number: usize) -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let field = text.split([' ', '/']).nth(number);
    field.and_then(|field| field.parse().ok()).unwrap_or(0.0)
}
