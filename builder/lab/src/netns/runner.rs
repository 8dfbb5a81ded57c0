//! Runs scenarios in parallel, each in a separate process with its own namespaces, and reports them as they end.

use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::enclosure::enclosed;
use super::history::say;
use super::images::Images;
use super::pace::{self, RunQueue, processors, time_factor};

/// The time after which a scenario counts as hanging.
const LIMIT: Duration = Duration::from_mins(7);
/// The time in which a scenario shows how much it needs.
const BEGINNING: Duration = Duration::from_millis(700);
/// The pause between two looks at everything.
const LOOK: Duration = Duration::from_millis(20);

/// A running scenario, which has a name or is `random-SEED`.
#[derive(Debug)]
struct Running {
    name: String,
    process: Child,
    log: PathBuf,
    start: Instant,
}

/// The totals of all scenarios.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) scenarios: u64,
    pub(super) failures: Vec<String>,
    pub(super) faults: u64,
    pub(super) writes: u64,
    pub(super) reads: u64,
}

/// Options for a run of scenarios.
#[derive(Debug)]
pub(super) struct RunOptions {
    pub(super) images: Images,
    pub(super) logs: PathBuf,
    /// The most scenarios that run in parallel; on a busy machine, fewer do.
    pub(super) jobs: usize,
    /// Whether to continue after a failure.
    pub(super) keep_going: bool,
}

/// Runs scenarios in the given order.
pub(super) fn run(plan: &RunOptions, names: Vec<String>) -> Result<Totals> {
    fs_err::create_dir_all(&plan.logs)?;
    let mut waiting = names.into_iter();
    let mut running: Vec<Running> = Vec::new();
    let mut sum = Totals::default();
    let mut queue = RunQueue::default();
    loop {
        let go_on = plan.keep_going || sum.failures.is_empty();
        let is_new = |scenario: &Running| scenario.start.elapsed() < BEGINNING;
        while go_on
            && running.len() < plan.jobs
            && !running.iter().any(is_new)
            && (running.len() < processors() || !queue.is_full())
        {
            let Some(name) = waiting.next() else { break };
            running.push(start(plan, name)?);
        }
        queue.sample();
        if running.is_empty() || !go_on {
            // Scenarios that still run end with this process.
            return Ok(sum);
        }
        std::thread::sleep(LOOK);
        for mut scenario in std::mem::take(&mut running) {
            match scenario.process.try_wait()? {
                Some(status) => finished(&scenario, status, &mut sum)?,
                None if scenario.start.elapsed() > LIMIT.mul_f64(time_factor()) => {
                    scenario.process.kill()?;
                    let status = scenario.process.wait()?;
                    finished(&scenario, status, &mut sum)?;
                }
                None => running.push(scenario),
            }
        }
    }
}

fn start(plan: &RunOptions, name: String) -> Result<Running> {
    let log = plan.logs.join(format!("{name}.log"));
    let output = fs_err::File::create(&log)?.into_parts().0;
    let process = enclosed()?
        .args(["scenario", &name])
        .arg(&plan.images.folder)
        .env(pace::VARIABLE, pace::processor_factor().to_string())
        .stderr(output.try_clone()?)
        .stdout(output)
        .spawn()
        .context("starting setpriv")?;
    Ok(Running {
        name,
        process,
        log,
        start: Instant::now(),
    })
}

fn finished(scenario: &Running, status: ExitStatus, sum: &mut Totals) -> Result<()> {
    let seconds = scenario.start.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&fs_err::read(&scenario.log)?).into_owned();
    let counts = counts(&text);
    sum.scenarios += 1;
    sum.faults += counts[0];
    sum.writes += counts[1];
    sum.reads += counts[2];
    let numbers = format!(
        "{seconds:5.1} s  {:3} faults  {:4} writes  {:4} reads",
        counts[0], counts[1], counts[2]
    );
    if status.success() {
        say(&format!("ok    {:36} {numbers}", scenario.name));
    } else {
        say(&text);
        say(&format!(
            "FAILED {:35} {numbers}  ({status}; {})",
            scenario.name,
            shown(&scenario.log)
        ));
        sum.failures.push(scenario.name.clone());
    }
    Ok(())
}

/// Returns the numbers of the line `counts FAULTS WRITES READS`.
fn counts(text: &str) -> [u64; 3] {
    let line = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("counts "));
    let mut numbers = line
        .unwrap_or_default()
        .split(' ')
        .map(|word| word.parse().unwrap_or(0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0))
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}
