//! Measures what published images cost: compressed formats beside `xz -T2`, `zstd -T2` and `gzip` of each whole image. Every
//! program syncs what it writes.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bench::{Row, ticks, timed};
use crate::bench_flash;
use crate::command::{self, Outcome, say};
use crate::demo;

/// A format, and the programs that compress a whole image to it. Our own presets are those of xz and gzip, and level 15 of zstd.
const FORMATS: [(&str, &[&str]); 4] = [
    ("img", &[]),
    ("img.xz", &["xz -T2"]),
    ("img.zst", &["zstd -q -T2", "zstd -q -T2 -15"]),
    ("img.gz", &["gzip"]),
];
/// The numbers of images that are measured.
const COUNTS: [u32; 2] = [1, 3];
/// The limit of the time for three `img.xz` over that for one, without compressed blocks in the cache.
const THREE_LIMIT: f64 = 1.15;
/// The limit of the time that each further node takes over that of the first.
const FURTHER_LIMIT: f64 = 0.15;

/// What some images in one format cost.
struct OutputCost {
    /// Without compressed blocks in the cache.
    cold: Duration,
    /// The processor time of that, in ticks; only that of our own program is measured.
    work: u32,
    /// With them; other programs have none.
    warm: Option<Duration>,
    bytes: u64,
}

/// Returns the limits that were measured, and prints the tables.
pub(crate) fn measure(base: &Path, folder: &Path) -> Outcome<Vec<Row>> {
    let bench = Bench { base, folder };
    // The digest of the base and etcd's programs are in the cache from here on.
    bench.build("img", 3, "raw")?;
    let mut xz = None;
    let mut table = vec![
        "| program | images | cold, s | warm, s | MB |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    for (format, programs) in FORMATS {
        let ours = Bench::both(|count| bench.cost(format, count))?;
        let name = format!("`etcd-image build --format {format}`");
        table.extend(lines(&name, &ours));
        for program in programs {
            let theirs = Bench::both(|count| bench.whole(program, count))?;
            table.extend(lines(&format!("`{program}` of each image"), &theirs));
        }
        if format == "img.xz" {
            xz = Some(ours.map(|cost| (cost.cold.as_secs_f64(), f64::from(cost.work))));
        }
    }
    say(&format!("\n{}", table.join("\n")));
    let [one, three] = xz.ok_or("img.xz was not measured")?;
    let further = |one: f64, three: f64| (three - one) / 2.0 / one;
    let mut rows = vec![
        Row::at_most("three img.xz / one, cold", three.0 / one.0, THREE_LIMIT),
        Row::at_most(
            "three img.xz / one, processor time",
            three.1 / one.1,
            THREE_LIMIT,
        ),
        Row::at_most(
            "each further img.xz / the first, cold",
            further(one.0, three.0),
            FURTHER_LIMIT,
        ),
        Row::at_most(
            "each further img.xz, processor time",
            further(one.1, three.1),
            FURTHER_LIMIT,
        ),
    ];
    // The used ranges of the image, for bmaptool.
    bench.build("img,img.gz", 1, "map")?;
    rows.extend(bench_flash::measure(&folder.join("map"), folder)?);
    Ok(rows)
}

/// Returns the lines of README's table about one program.
fn lines(name: &str, costs: &[OutputCost; 2]) -> [String; 2] {
    let seconds = |time: Duration| format!("{:.1}", time.as_secs_f64());
    let line = |(cost, count): (&OutputCost, u32)| {
        let (cold, megabytes) = (seconds(cost.cold), (cost.bytes + 500_000) / 1_000_000);
        let warm = cost.warm.map_or_else(|| "–".to_owned(), seconds);
        format!("| {name} | {count} | {cold} | {warm} | {megabytes} |")
    };
    let [one, three] = costs.each_ref();
    [line((one, COUNTS[0])), line((three, COUNTS[1]))]
}

struct Bench<'a> {
    base: &'a Path,
    folder: &'a Path,
}

impl Bench<'_> {
    fn at(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Measures each number of images.
    fn both(cost: impl Fn(u32) -> Outcome<OutputCost>) -> Outcome<[OutputCost; 2]> {
        Ok([cost(COUNTS[0])?, cost(COUNTS[1])?])
    }

    /// Builds some nodes in one format, and returns the time and the size of the images on disk.
    fn build(&self, format: &str, nodes: u32, out: &str) -> Outcome<(Duration, u64)> {
        let [server, client] = ["etcd-server.deb", "etcd-client.deb"]
            .map(|ending| self.base.with_extension(ending).display().to_string());
        let (base, etcd) = (
            self.base.display().to_string(),
            format!("{server},{client}"),
        );
        let (nodes, key) = (nodes.to_string(), demo::ssh_key()?.display().to_string());
        let [state, cache, out] = ["state", "cache", out].map(|name| self.at(name));
        let words = [
            "--quiet",
            "build",
            "--offline",
            "--base",
            &base,
            "--etcd",
            &etcd,
            "--nodes",
            &nodes,
            "--ssh-key",
            &key,
            "--format",
            format,
            "--state",
            &state,
            "--cache",
            &cache,
            "--out",
            &out,
        ];
        let time = timed(|| command::run(demo::PROGRAM, &words))?;
        let images = entries(Path::new(&out))?;
        let images = images.iter().filter(|path| has_ending(path, format));
        let sizes = images.map(|path| fs::metadata(path).map_or(0, |it| it.len()));
        Ok((time, sizes.sum()))
    }

    /// Builds without compressed blocks in the cache, and again with them.
    fn cost(&self, format: &str, nodes: u32) -> Outcome<OutputCost> {
        for path in entries(&self.folder.join("cache"))? {
            if has_ending(&path, "blocks") {
                fs::remove_file(path).map_err(|error| error.to_string())?;
            }
        }
        let before = ticks()?;
        let (cold, bytes) = self.build(format, nodes, "out")?;
        let work = ticks()? - before;
        self.clear("out")?;
        let (warm, _) = self.build(format, nodes, "out")?;
        self.clear("out")?;
        Ok(OutputCost {
            cold,
            work,
            warm: Some(warm),
            bytes,
        })
    }

    /// Compresses some raw images, each as a whole.
    fn whole(&self, program: &str, count: u32) -> Outcome<OutputCost> {
        let (mut cold, mut bytes) = (Duration::ZERO, 0);
        fs::create_dir_all(self.at("packed")).map_err(|error| error.to_string())?;
        for number in 1..=count {
            let image = self.at(&format!("raw/etcd{number}.img"));
            let packed = self.at(&format!("packed/{number}"));
            // What our own build reads is in memory as well.
            let command = format!("cat '{image}' > /dev/null");
            command::run("sh", &["-c", &command])?;
            let command = format!("{program} -c '{image}' > '{packed}' && sync '{packed}'");
            cold += timed(|| command::run("sh", &["-c", &command]))?;
            bytes += fs::metadata(&packed)
                .map_err(|error| error.to_string())?
                .len();
        }
        self.clear("packed")?;
        Ok(OutputCost {
            cold,
            work: 0,
            warm: None,
            bytes,
        })
    }

    /// Removes a directory and syncs, so that it does not slow down the next run.
    fn clear(&self, folder: &str) -> Outcome {
        let _ = fs::remove_dir_all(self.folder.join(folder));
        command::run("sync", &[])
    }
}

fn entries(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn has_ending(path: &Path, ending: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(ending)
        .is_some_and(|it| it.ends_with('.'))
}
