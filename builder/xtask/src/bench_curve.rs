//! Measures builds of 1, 3, 30 and 300 nodes on a small base: the time per node must not grow, and the memory must not either.
//!
//! The base and etcd are the stand-ins of the tests, so that 300 images need little room and their fixed costs show. The clusters are so
//! large that every job has work.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::bench::{RunCost, measure};
use crate::bench_peers::PROGRAM;
use crate::command::{self, Outcome, root, say};
use crate::demo;

/// The numbers of nodes: clusters and nodes of each.
const SIZES: [(u32, u32); 4] = [(1, 1), (1, 3), (1, 30), (4, 75)];
/// The numbers of jobs.
const JOBS: [u32; 2] = [2, 64];
/// The clusters and nodes of the images that are also compressed.
const COMPRESSED: (u32, u32) = (1, 75);
/// The limit of the memory, in MiB.
const MEMORY_LIMIT: f64 = 256.0;
/// The limit of the time per node at 300 nodes over that at 30.
const GROWTH_LIMIT: f64 = 1.25;

/// Prints the table in Markdown; a missed limit is an error.
pub(crate) fn run() -> Outcome {
    command::run(
        "cargo",
        &["build", "--quiet", "--release", "--bin", "etcd-image"],
    )?;
    let folder = root().join("target/bench-curve");
    let _ = std::fs::remove_dir_all(&folder);
    command::create_folder(&folder)?;
    let measured = curve(&folder);
    let _ = std::fs::remove_dir_all(&folder);
    let (table, missed) = measured?;
    say(&table);
    match missed.is_empty() {
        true => Ok(()),
        false => Err(missed.join("\n")),
    }
}

/// Returns the table and the missed limits.
fn curve(folder: &Path) -> Outcome<(String, Vec<String>)> {
    let inputs = CurveInputs::make(folder)?;
    let mut table = String::from(
        "\nRelease build.\n\n| nodes | format | jobs | wall s | s per node | peak MiB |\n|---|---|---|---|---|---|\n",
    );
    let mut missed = Vec::new();
    let mut measure = |size: (u32, u32), jobs: u32, format: &str| -> Outcome<f64> {
        let run = inputs.build(folder, size, jobs, format)?;
        let (count, wall) = (size.0 * size.1, run.wall.as_secs_f64());
        let (each, peak) = (wall / f64::from(count), run.peak_mib);
        // Writing into a string cannot fail.
        let _ = writeln!(
            table,
            "| {count} | `{format}` | {jobs} | {wall:.2} | {each:.3} | {peak:.0} |"
        );
        if peak > MEMORY_LIMIT {
            missed.push(format!(
                "{count} nodes at {jobs} jobs need {peak:.0} MiB, at most {MEMORY_LIMIT}"
            ));
        }
        Ok(each)
    };
    let mut growths = Vec::new();
    for jobs in JOBS {
        let each = SIZES.map(|size| measure(size, jobs, "img"));
        let each = each.into_iter().collect::<Outcome<Vec<f64>>>()?;
        if let [.., before, last] = each.as_slice() {
            growths.push(last / before);
        }
    }
    for jobs in JOBS {
        measure(COMPRESSED, jobs, "img.zst")?;
    }
    let grown = growths.iter().filter(|growth| **growth > GROWTH_LIMIT);
    missed
        .extend(grown.map(|it| format!("a node of 300 takes {it:.2} times as long as one of 30")));
    Ok((table, missed))
}

/// The stand-ins, and a key to authorize.
struct CurveInputs {
    base: PathBuf,
    etcd: PathBuf,
    key: PathBuf,
}

impl CurveInputs {
    fn make(folder: &Path) -> Outcome<Self> {
        let inputs = Self {
            base: folder.join("base.img"),
            etcd: folder.join("etcd-v3.6.14-linux-arm64.tar.gz"),
            key: demo::ssh_key()?,
        };
        let (base, etcd) = (inputs.base.to_string_lossy(), inputs.etcd.to_string_lossy());
        command::run("sh", &["tests/fixtures/image.sh", "raspios-trixie", &base])?;
        command::run(
            "sh",
            &["tests/fixtures/release.sh", "arm64", "3.6.14", &etcd],
        )?;
        Ok(inputs)
    }

    /// Builds a fleet twice, and returns the cost of the second time: the keys exist, and the base's digest is known.
    fn build(
        &self,
        folder: &Path,
        (clusters, nodes): (u32, u32),
        jobs: u32,
        format: &str,
    ) -> Outcome<RunCost> {
        let row = |n: u32| {
            let address = |node| format!("10.{n}.0.{}", node + 10);
            let addresses: Vec<_> = (1..=nodes).map(address).collect();
            format!("lab-{n},{}\n", addresses.join(" "))
        };
        let rows: String = (1..=clusters).map(row).collect();
        let fleet = folder.join("fleet.toml");
        write(
            &folder.join("cluster.toml"),
            "[network]\ngateway = \"none\"\ndns = []\n",
        )?;
        write(
            &fleet,
            "template = \"cluster.toml\"\ntable = \"clusters.csv\"\n",
        )?;
        write(
            &folder.join("clusters.csv"),
            &format!("name,addresses\n{rows}"),
        )?;
        let jobs = jobs.to_string();
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let (state, out) = (folder.join("state"), folder.join("images"));
        let words = [
            "build",
            "--quiet",
            "--offline",
            "--jobs",
            &jobs,
            "--format",
            format,
        ]
        .map(str::to_owned);
        let options = [
            ("--fleet", path(&fleet)),
            ("--base", path(&self.base)),
            ("--etcd", path(&self.etcd)),
            ("--ssh-key", path(&self.key)),
            ("--cache", path(&folder.join("cache"))),
            ("--state", path(&state)),
            ("--out", path(&out)),
        ];
        let options = options
            .into_iter()
            .flat_map(|(name, value)| [name.to_owned(), value]);
        let all: Vec<String> = [PROGRAM.to_owned()]
            .into_iter()
            .chain(words)
            .chain(options)
            .collect();
        measure(&all)?;
        remove(&out)?;
        command::run("sync", &[])?;
        let run = measure(&all)?;
        remove(&out)?;
        Ok(run)
    }
}

fn write(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text).map_err(|error| format!("writing {}: {error}", path.display()))
}

fn remove(folder: &Path) -> Outcome {
    std::fs::remove_dir_all(folder)
        .map_err(|error| format!("removing {}: {error}", folder.display()))
}
