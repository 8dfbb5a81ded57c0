//! Measures speed and memory as ratios within one run, so that the machine's own speed cancels out.
//!
//! Every measurement runs the product and its yardstick in turn and takes the median of the ratios.

use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::command::{self, Outcome, program, root, say};
use crate::{bench_boot, bench_cold, bench_outputs, demo, setup};

/// Rounds per measurement: an odd number, so that the median is one of them.
const ROUNDS: usize = 5;
/// Rounds of unpacking, which takes longer and varies less.
const UNPACK_ROUNDS: usize = 3;
/// The limits of a warm build: its wall time over three copies, and the seconds that each node may add.
const BUILD_LIMIT: (f64, f64) = (1.25, 0.5);
/// The limit of a build's resident memory in MiB.
const MEMORY_LIMIT: f64 = 256.0;
/// The limit of the speed of unpacking over `xz -dc` on two cores.
const UNPACK_LIMIT: f64 = 1.7;

/// The cost of one run.
pub(crate) struct RunCost {
    pub(crate) wall: Duration,
    /// The processor time of all threads in seconds.
    processor: f64,
    /// The largest resident memory in MiB.
    pub(crate) peak_mib: f64,
}

/// One line of the table.
pub(crate) struct Row {
    measure: &'static str,
    median: f64,
    limit: String,
    is_met: bool,
}

impl Row {
    pub(crate) fn at_most(measure: &'static str, median: f64, limit: f64) -> Self {
        Self {
            measure,
            median,
            limit: format!("at most {limit:.2}"),
            is_met: median <= limit,
        }
    }

    fn at_least(measure: &'static str, median: f64, limit: f64) -> Self {
        Self {
            measure,
            median,
            limit: format!("at least {limit:.2}"),
            is_met: median >= limit,
        }
    }
}

/// Runs all measurements.
pub(crate) fn run() -> Outcome {
    measured(|base, folder| {
        let mut rows = builds(base, folder)?;
        rows.push(boots(base, folder)?);
        Ok(rows)
    })
}

/// Runs the measurements that boot nothing.
pub(crate) fn run_builds() -> Outcome {
    measured(builds)
}

/// Runs the measurements of compressed images and of cards.
pub(crate) fn run_outputs() -> Outcome {
    measured(bench_outputs::measure)
}

/// Runs the measurements of boots only.
pub(crate) fn run_boots() -> Outcome {
    measured(|base, folder| Ok(vec![boots(base, folder)?]))
}

/// Prints the table; a missed limit is an error.
fn measured(measure: impl FnOnce(&Path, &Path) -> Outcome<Vec<Row>>) -> Outcome {
    setup::tools()?;
    demo::run()?;
    let folder = root().join("target/bench");
    let _ = std::fs::remove_dir_all(&folder);
    command::create_folder(&folder)?;
    let rows = measure(&base_image(demo::PROGRAM)?, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    let rows = rows?;
    say("\nmeasure                                    median  limit");
    for row in &rows {
        say(&format!(
            "{:<42} {:>6.2}  {}",
            row.measure, row.median, row.limit
        ));
    }
    match rows.iter().all(|row| row.is_met) {
        true => Ok(()),
        false => Err("a limit was missed".to_owned()),
    }
}

fn builds(base: &Path, folder: &Path) -> Outcome<Vec<Row>> {
    let Build {
        ratio,
        processor,
        memory,
    } = build(base, folder)?;
    let packed = folder.join("base.img.xz");
    pack(base, &packed)?;
    let etcd = programs(base, folder)?;
    let unpack = unpack(&packed, &etcd, folder)?;
    let cold = bench_cold::measure_fetch(&packed, &etcd, folder)?;
    Ok(vec![
        Row::at_most(
            "(build of 3 nodes - 0.5 s each) / 3 copies",
            ratio,
            BUILD_LIMIT.0,
        ),
        Row::at_most(
            "processor time of a node beyond SHA-256, s",
            processor,
            BUILD_LIMIT.1,
        ),
        Row::at_most("peak memory of a build, MiB", memory, MEMORY_LIMIT),
        Row::at_least("unpacking / xz -dc, speed", unpack, UNPACK_LIMIT),
        Row::at_most(
            "cold fetch / its slowest stage alone",
            cold,
            bench_cold::LIMIT,
        ),
    ])
}

fn boots(base: &Path, folder: &Path) -> Outcome<Row> {
    let ratio = bench_boot::measure(base, folder)?;
    Ok(Row::at_most(
        "3 nodes to quorum / bare base to prompt",
        ratio,
        bench_boot::LIMIT,
    ))
}

/// What a warm build of three nodes costs.
struct Build {
    /// Its time over that of three copies.
    ratio: f64,
    /// Its processor time for each node, less that of OpenSSL for the SHA-256 of an image, in seconds.
    processor: f64,
    /// Its peak memory in MiB.
    memory: f64,
}

/// Compares a warm build, which syncs its output, with three plain `cp --sparse=always` of its base, which do not sync.
fn build(base: &Path, folder: &Path) -> Outcome<Build> {
    let shown = base.to_string_lossy();
    let hash = ["openssl", "dgst", "-sha256", &shown].map(str::to_owned);
    let out = folder.join("images");
    let (mut ratios, mut processors) = (Vec::new(), Vec::new());
    let mut memory = 0.0_f64;
    for round in 0..=ROUNDS {
        let copies = timed(|| copy_three(base, folder))?;
        clear(&["a", "b", "c"].map(|name| folder.join(name)))?;
        let hashed = measure(&hash)?.processor;
        let built = measure(&demo::build_command(&out)?)?;
        clear(&["etcd1.img", "etcd2.img", "etcd3.img"].map(|name| out.join(name)))?;
        // A build may take as long as three copies, and this many seconds longer for each node.
        let comparable = built.wall.as_secs_f64() - 3.0 * BUILD_LIMIT.1;
        if round > 0 {
            ratios.push(comparable / copies.as_secs_f64());
            processors.push(built.processor / 3.0 - hashed);
            memory = memory.max(built.peak_mib);
        }
        say(&format!(
            "round {round}: 3 copies {:.2} s, build {:.2} s ({:.2} s of processor, one SHA-256 {hashed:.2} s)",
            copies.as_secs_f64(),
            built.wall.as_secs_f64(),
            built.processor
        ));
    }
    Ok(Build {
        ratio: median(ratios),
        processor: median(processors),
        memory,
    })
}

fn copy_three(base: &Path, folder: &Path) -> Outcome {
    for name in ["a", "b", "c"] {
        let (base, copy) = (base.to_string_lossy(), folder.join(name));
        let copy = copy.to_string_lossy();
        command::run("cp", &["--sparse=always", &base, &copy])?;
    }
    Ok(())
}

/// Removes the files of a run and syncs, so that neither cached nor unwritten data slows down the next run.
fn clear(files: &[PathBuf]) -> Outcome {
    for file in files {
        std::fs::remove_file(file)
            .map_err(|error| format!("removing {}: {error}", file.display()))?;
    }
    command::run("sync", &[])
}

/// Compresses the base in several blocks.
fn pack(base: &Path, packed: &Path) -> Outcome {
    let (source, target) = (base.to_string_lossy(), packed.to_string_lossy());
    let pack = format!("xz -T0 -3 < '{source}' > '{target}'");
    command::run("sh", &["-c", &pack])
}

/// Returns the speed of unpacking a multi-block xz into the cache, relative to `xz -dc` without an output file.
fn unpack(packed: &Path, etcd: &Path, folder: &Path) -> Outcome<f64> {
    let target = packed.to_string_lossy();
    let mut ratios = Vec::new();
    for round in 0..=UNPACK_ROUNDS {
        let plain =
            timed(|| command::run("sh", &["-c", &format!("xz -T1 -dc '{target}' > /dev/null")]))?;
        let cache = folder.join(format!("cache{round}"));
        let ours = measure(&unpack_command(packed, etcd, &cache))?;
        if round > 0 {
            ratios.push(plain.as_secs_f64() / ours.wall.as_secs_f64());
        }
        let _ = std::fs::remove_dir_all(cache);
    }
    Ok(median(ratios))
}

pub(crate) fn timed(work: impl FnOnce() -> Outcome) -> Outcome<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}

/// Returns the processor time of all commands that have ended, in ticks of the kernel. Other programs on a busy machine hardly
/// change it.
pub(crate) fn ticks() -> Outcome<u32> {
    let text = std::fs::read_to_string("/proc/self/stat").map_err(|error| error.to_string())?;
    // proc(5): the fields after the name begin with the third; the 16th and 17th are the times of children.
    let fields = text.rsplit(')').next().unwrap_or_default();
    let times = fields.split_whitespace().skip(13).take(2);
    let times = times.map(|field| field.parse::<u32>().map_err(|error| error.to_string()));
    times.sum()
}

/// Runs a command and watches its resident memory.
pub(crate) fn measure(words: &[String]) -> Outcome<RunCost> {
    let (name, arguments) = words.split_first().ok_or("nothing to measure")?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let start = Instant::now();
    let child = program(name, &arguments).stdout(Stdio::null()).spawn();
    let mut child = child.map_err(|error| format!("starting {name}: {error}"))?;
    let (mut peak_mib, mut used) = (0.0_f64, 0.0_f64);
    loop {
        peak_mib = peak_mib.max(high_water(&child));
        used = used.max(processor(&child));
        match child.try_wait() {
            Ok(Some(status)) if status.success() => break,
            Ok(None) => std::thread::sleep(Duration::from_millis(5)),
            Ok(Some(status)) => return Err(format!("{} failed: {status}", words.join(" "))),
            Err(error) => return Err(format!("waiting for {name}: {error}")),
        }
    }
    Ok(RunCost {
        wall: start.elapsed(),
        processor: used,
        peak_mib,
    })
}

/// Returns a process's peak resident memory in MiB (proc(5), `VmHWM`, in KiB). It never falls, so a late reading is enough.
fn high_water(child: &Child) -> f64 {
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .map_or(0.0, |kib: f64| kib / 1024.0)
}

/// Returns a process's processor time so far in seconds (proc(5), fields 14 and 15 of `stat`, in hundredths).
fn processor(child: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    // The second field, in parentheses, may contain blanks.
    let (_, rest) = stat.rsplit_once(')').unwrap_or_default();
    let used = rest.split_whitespace().skip(11).take(2);
    used.filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Extracts etcd's programs to files, so that unpacking them is not part of a measurement.
fn programs(base: &Path, folder: &Path) -> Outcome<PathBuf> {
    let root = folder.join("etcd");
    for ending in ["etcd-server.deb", "etcd-client.deb"] {
        let package = base.with_extension(ending);
        let (package, root) = (package.to_string_lossy(), root.to_string_lossy());
        command::run("dpkg-deb", &["-x", &package, &root])?;
    }
    Ok(root.join("usr/bin"))
}

/// Returns the command that unpacks a local image into an empty cache.
fn unpack_command(packed: &Path, etcd: &Path, cache: &Path) -> Vec<String> {
    let etcd = etcd.to_string_lossy();
    let (packed, cache) = (packed.to_string_lossy(), cache.to_string_lossy());
    let words = [
        demo::PROGRAM,
        "fetch",
        "--base",
        &packed,
        "--etcd",
        &etcd,
        "--cache",
        &cache,
    ];
    words.map(str::to_owned).to_vec()
}

/// Returns the path of the demonstration's base, as `fetch --json` reports it.
pub(crate) fn base_image(program: &str) -> Outcome<PathBuf> {
    let words = [
        "fetch",
        "--base",
        "debian-trixie",
        "--etcd",
        "debian",
        "--json",
    ];
    let output = command::output(program, &words)?;
    let path = output
        .lines()
        .find_map(|line| {
            line.trim()
                .strip_prefix("\"path\": \"")?
                .strip_suffix("\",")
        })
        .ok_or_else(|| format!("no path in {output}"))?;
    Ok(PathBuf::from(path))
}
