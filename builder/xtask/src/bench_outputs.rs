//! Measures what published images cost: compressed formats beside `xz -T2`, `zstd -T2` and `gzip` of a whole image, and
//! `flash` beside `dd` and `bmaptool copy`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::bench::{Row, median, timed};
use crate::command::{self, Outcome, say};
use crate::demo;

/// A format, and the program that compresses a whole image to it.
const FORMATS: [(&str, Option<&str>); 4] = [
    ("img", None),
    ("img.xz", Some("xz -T2 -c")),
    ("img.zst", Some("zstd -q -T2 -c")),
    ("img.gz", Some("gzip -c")),
];
/// The limit of the time for three `img.xz` over that for one, without compressed blocks in the cache.
const THREE_LIMIT: f64 = 1.15;
/// The limit of the time that each further node takes over that of the first.
const FURTHER_LIMIT: f64 = 0.15;
/// The limit of the bytes and of the time of `flash` over those of `bmaptool copy`.
const FLASH_LIMIT: (f64, f64) = (1.0, 1.1);
/// The size of a card, which has a place for etcd's data.
const CARD: u64 = 9 << 30;
/// Rounds of writing a card.
const ROUNDS: usize = 3;

/// What one build of some nodes in one format costs.
struct Cost {
    cold: Duration,
    warm: Duration,
    bytes: u64,
}

/// Returns the limits that were measured, and prints the tables.
pub(crate) fn measure(base: &Path, folder: &Path) -> Outcome<Vec<Row>> {
    let bench = Bench { base, folder };
    // The digest of the base and etcd's programs are in the cache from here on.
    bench.build("img", 3, "raw")?;
    say(
        "\n| format | images | cold, s | warm, s | bytes | whole image with | s | bytes |\n|---|---|---|---|---|---|---|---|",
    );
    let mut xz = None;
    for (format, program) in FORMATS {
        let (one, three) = (bench.cost(format, 1)?, bench.cost(format, 3)?);
        let whole = program.map(|it| bench.whole(it)).transpose()?;
        for (count, cost) in [(1_u32, &one), (3, &three)] {
            let yardstick = match (program, whole) {
                (Some(program), Some((time, bytes))) => format!(
                    "`{program}` | {:.1} | {}",
                    time.as_secs_f64() * f64::from(count),
                    bytes * u64::from(count)
                ),
                _ => "– | – | –".to_owned(),
            };
            let (cold, warm) = (cost.cold.as_secs_f64(), cost.warm.as_secs_f64());
            let bytes = cost.bytes;
            say(&format!(
                "| {format} | {count} | {cold:.1} | {warm:.1} | {bytes} | {yardstick} |"
            ));
        }
        if format == "img.xz" {
            xz = Some((one.cold.as_secs_f64(), three.cold.as_secs_f64()));
        }
    }
    let (one, three) = xz.ok_or("img.xz was not measured")?;
    let mut rows = vec![
        Row::at_most("three img.xz / one, cold", three / one, THREE_LIMIT),
        Row::at_most(
            "each further img.xz / the first, cold",
            (three - one) / 2.0 / one,
            FURTHER_LIMIT,
        ),
    ];
    rows.extend(bench.flash()?);
    Ok(rows)
}

struct Bench<'a> {
    base: &'a Path,
    folder: &'a Path,
}

impl Bench<'_> {
    fn at(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
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
    fn cost(&self, format: &str, nodes: u32) -> Outcome<Cost> {
        for path in entries(&self.folder.join("cache"))? {
            if has_ending(&path, "blocks") {
                fs::remove_file(path).map_err(|error| error.to_string())?;
            }
        }
        let mut times = Vec::new();
        for _ in ["cold", "warm"] {
            let (time, bytes) = self.build(format, nodes, "out")?;
            times.push((time, bytes));
            let _ = fs::remove_dir_all(self.folder.join("out"));
            command::run("sync", &[])?;
        }
        match times[..] {
            [(cold, bytes), (warm, _)] => Ok(Cost { cold, warm, bytes }),
            _ => Err("not measured twice".to_owned()),
        }
    }

    /// Compresses a raw image as a whole.
    fn whole(&self, program: &str) -> Outcome<(Duration, u64)> {
        let (image, packed) = (self.at("raw/etcd1.img"), self.at("packed"));
        let command = format!("{program} '{image}' > '{packed}'");
        let time = timed(|| command::run("sh", &["-c", &command]))?;
        let size = fs::metadata(&packed).map_err(|error| error.to_string())?;
        let _ = fs::remove_file(&packed);
        Ok((time, size.len()))
    }

    /// Writes a card three times with each program.
    fn flash(&self) -> Outcome<Vec<Row>> {
        // The used ranges of the image, for bmaptool.
        self.build("img,img.gz", 1, "map")?;
        let [image, map, card] = ["map/etcd1.img", "map/etcd1.bmap", "card"].map(|it| self.at(it));
        command::run("sh", &["-c", &format!("cat '{image}' > /dev/null")])?;
        let (of, from) = (format!("of={card}"), format!("if={image}"));
        let dd = [&from, &of, "bs=4M", "conv=fsync,notrunc", "status=none"];
        let bmaptool = ["-q", "copy", "--bmap", &map, &image, &card];
        let ours = ["--json", "flash", &image, &card, "--yes-really"];
        let mut times = [vec![], vec![], vec![]];
        let mut mapped = 0;
        for _ in 0..ROUNDS {
            fresh_card(&card)?;
            times[0].push(timed(|| command::run("dd", &dd))?.as_secs_f64());
            fresh_card(&card)?;
            times[1].push(timed(|| command::run("bmaptool", &bmaptool))?.as_secs_f64());
            fresh_card(&card)?;
            let mut report = String::new();
            let flash = timed(|| {
                report = command::output(demo::PROGRAM, &ours)?;
                Ok(())
            })?;
            times[2].push(flash.as_secs_f64());
            mapped = number(&report, "\"mapped_bytes\": ")?;
        }
        let _ = fs::remove_file(&card);
        let [dd, bmaptool, ours] = times.map(median);
        let size = fs::metadata(&image)
            .map_err(|error| error.to_string())?
            .len();
        let map = fs::read_to_string(&map).map_err(|error| error.to_string())?;
        let blocks = number(&map, "<MappedBlocksCount> ")?;
        let theirs = blocks * 4096;
        say("\n| program | bytes | s (median) |\n|---|---|---|");
        say(&format!("| `dd bs=4M conv=fsync` | {size} | {dd:.2} |"));
        say(&format!("| `bmaptool copy` | {theirs} | {bmaptool:.2} |"));
        say(&format!(
            "| `etcd-image flash`, with read-back | {mapped} | {ours:.2} |"
        ));
        #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
        let bytes = mapped as f64 / theirs as f64;
        Ok(vec![
            Row::at_most("flash / bmaptool copy, bytes", bytes, FLASH_LIMIT.0),
            Row::at_most(
                "flash / bmaptool copy, time",
                ours / bmaptool,
                FLASH_LIMIT.1,
            ),
            Row::at_most("flash / dd, time", ours / dd, FLASH_LIMIT.1),
        ])
    }
}

fn fresh_card(card: &str) -> Outcome {
    let _ = fs::remove_file(card);
    let made = fs::File::create(card).and_then(|file| file.set_len(CARD));
    made.map_err(|error| format!("making {card}: {error}"))?;
    command::run("sync", &[])
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

/// Returns the first number after a text.
fn number(text: &str, before: &str) -> Outcome<u64> {
    let after = text.split_once(before).map(|(_, after)| after);
    let digits = after.and_then(|it| it.split(|letter: char| !letter.is_ascii_digit()).next());
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| format!("no number after {before}"))
}
