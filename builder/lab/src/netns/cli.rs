//! The command line.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Instant, SystemTime};

use anyhow::{Context as _, Result, bail};

use super::history::say;
use super::lab::Lab;
use super::root::RootParts;
use super::runner::{self, RunOptions};
use super::scenarios::{self, SCENARIOS};
use super::violation::Violation;
use super::{enclosure, images, init, pace, random, root, sabotage};

const USAGE: &str = "\
usage: lab [NAME…] [--scenarios N] [--brief] [--seed S] [--jobs J] [--keep-going]
       lab list

  NAME            run this scenario, e.g. `a-wiped-member-rejoins`, `random-17` or `sabotage-lost-write`
  --scenarios N   run N random scenarios, after every named one that should pass and every sabotage
  --brief         play one to three rounds of faults in each of them, not four to ten
  --seed S        the seed of the first random scenario; the next one has S + 1 [default: from the clock]
  --jobs J        how many scenarios run side by side at most [default: six per processor]; fewer do on a busy machine
  --keep-going    go on after a failure";

/// Runs a command line.
pub(super) fn run(arguments: &[String]) -> Result<ExitCode> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--help"] => say(USAGE),
        ["list"] => scenarios::list(),
        ["scenario", name, images] => return scenario(name, Path::new(images)),
        ["init", image, folder, card] => {
            let folder = Path::new(folder);
            root::enter(&RootParts {
                image: Path::new(image),
                data: Path::new(card),
                root: &folder.join("root"),
                sabotaged: &folder.join("sabotaged"),
            })?;
            init::run()?;
        }
        _ => return laboratory(&words),
    }
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug)]
struct LabOptions<'a> {
    names: Vec<&'a str>,
    scenarios: u64,
    brief: bool,
    seed: u64,
    jobs: usize,
    keep_going: bool,
}

fn options<'a>(words: &[&'a str]) -> Result<LabOptions<'a>> {
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let mut options = LabOptions {
        names: Vec::new(),
        scenarios: 0,
        brief: false,
        seed: clock.as_secs(),
        jobs: 6 * cores,
        keep_going: false,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .with_context(|| format!("{word} needs a value\n{USAGE}"))
        };
        match *word {
            "--scenarios" => options.scenarios = value()?.parse()?,
            "--brief" => options.brief = true,
            "--seed" => options.seed = value()?.parse()?,
            "--jobs" => options.jobs = value()?.parse()?,
            "--keep-going" => options.keep_going = true,
            other if other.starts_with('-') => bail!("unknown option {other}\n{USAGE}"),
            name => options.names.push(name),
        }
    }
    Ok(options)
}

fn laboratory(words: &[&str]) -> Result<ExitCode> {
    let options = options(words)?;
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()?;
    let start = Instant::now();
    let names = if options.names.is_empty() {
        let kind = random::kind(options.brief);
        let random = (0..options.scenarios).map(|at| format!("{kind}{}", options.seed + at));
        scenarios::gate()
            .chain(sabotage::names())
            .chain(random)
            .collect()
    } else {
        scenarios::chosen(&options.names)?
    };
    let plan = RunOptions {
        images: images::prepare(&checkout)?,
        logs: checkout.join("target/lab/logs"),
        jobs: options.jobs,
        keep_going: options.keep_going,
    };
    say(&format!(
        "{} scenarios, at most {} side by side, random seeds from {}, times multiplied by {:.1}",
        names.len(),
        plan.jobs,
        options.seed,
        pace::processor_factor()
    ));
    let sum = runner::run(&plan, names)?;
    let seconds = start.elapsed().as_secs();
    say(&format!(
        "{} scenarios in {seconds} s: {} faults, {} acknowledged writes, {} reads, {} failed {}",
        sum.scenarios,
        sum.faults,
        sum.writes,
        sum.reads,
        sum.failures.len(),
        sum.failures.join(" ")
    ));
    Ok(ExitCode::from(u8::from(!sum.failures.is_empty())))
}

/// Runs one scenario inside its namespaces.
fn scenario(name: &str, images: &Path) -> Result<ExitCode> {
    enclosure::mount_run()?;
    let random = random::find(name);
    let sabotage = sabotage::find(name);
    let known = SCENARIOS.iter().find(|scenario| scenario.name == name);
    let (set, play): (&str, scenarios::Play) = match (random, known, sabotage) {
        (Some((seed, play)), _, _) => (random::set(seed), play),
        (_, Some(scenario), _) => (scenario.set, scenario.play),
        (_, _, Some(sabotage)) => (sabotage.set, sabotage.play),
        _ => bail!("there is no scenario `{name}`: see `lab list`"),
    };
    let seed = random.map_or(1, |(seed, _)| seed);
    let mut lab = Lab::new(images, set, seed)?;
    let result = match sabotage {
        Some(sabotage) => sabotage.run(&mut lab),
        None => play(&mut lab),
    };
    lab.traffic.stop();
    let (writes, reads) = lab.traffic.counts();
    if let Err(error) = &result {
        lab.history.add(&format!("violated: {error:#}"));
    }
    say(&format!("counts {} {writes} {reads}", lab.faults));
    match (result, sabotage) {
        (result, Some(sabotage)) => Ok(sabotage.verdict(&result)),
        (Ok(()), None) => Ok(ExitCode::SUCCESS),
        (Err(error), None) if error.is::<Violation>() => Ok(ExitCode::from(1)),
        (Err(error), None) => Err(error),
    }
}
