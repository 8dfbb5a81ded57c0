//! Measures `flash`, which reads everything back, beside `dd bs=4M conv=fsync` and `bmaptool copy`, which do not.
//!
//! All three write the same card, which already has content: a loop device if this user may create one (root), otherwise a file.
//! bmaptool treats the two differently: it syncs a device after every 6 MiB. Before each run, the image is in memory and no
//! byte of the card is; every run ends when its last byte is synced.

use std::fs;
use std::path::Path;

use crate::bench::{Row, median, timed};
use crate::command::{self, Outcome, say};
use crate::demo;

/// The limit of the bytes and of the time of `flash` over those of `bmaptool copy`.
const LIMIT: (f64, f64) = (1.0, 1.1);
/// The size of a card, which has a place for etcd's data.
const CARD: u64 = 9 << 30;
/// Rounds of writing a card with each program: an odd number, so that the median is one of them.
const ROUNDS: usize = 5;
/// The programs, in the order of the first round; each further round begins with the next one.
const PROGRAMS: [&str; 3] = ["dd", "bmaptool", "flash"];

/// Writes cards with the image `etcd1` of a directory, prints a table, and returns the limits that were measured.
pub(crate) fn measure(images: &Path, folder: &Path) -> Outcome<Vec<Row>> {
    let image = images.join("etcd1.img").display().to_string();
    let map = images.join("etcd1.bmap").display().to_string();
    let card = BenchCard::new(folder)?;
    let run = |program: &str| card.write(program, (&image, &map));
    // The first writer also allocates the card's blocks.
    run("dd")?;
    let mapped = number(&card.flash(&image)?, "\"mapped_bytes\": ")?;
    say(&format!(
        "\ncard: {}\n\n| round | dd, s | bmaptool, s | flash, s |\n|---|---|---|---|",
        card.path
    ));
    let mut times: [Vec<f64>; 3] = Default::default();
    for round in 0..ROUNDS {
        for turn in 0..PROGRAMS.len() {
            let which = (round + turn) % PROGRAMS.len();
            times[which].push(run(PROGRAMS[which])?);
        }
        let [dd, bmaptool, ours] = times.each_ref().map(|all| all[round]);
        say(&format!(
            "| {} | {dd:.2} | {bmaptool:.2} | {ours:.2} |",
            round + 1
        ));
    }
    let [dd, bmaptool, ours] = &times;
    let map = fs::read_to_string(&map).map_err(|error| error.to_string())?;
    let theirs = number(&map, "<MappedBlocksCount> ")? * 4096;
    let whole = fs::metadata(&image).map_err(|error| error.to_string())?;
    say(&format!(
        "\nbytes: dd {}, bmaptool {theirs}, flash {mapped}",
        whole.len()
    ));
    #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
    let bytes = mapped as f64 / theirs as f64;
    Ok(vec![
        Row::at_most("flash / bmaptool copy, bytes", bytes, LIMIT.0),
        Row::at_most(
            "flash / bmaptool copy, time",
            ratio(ours, bmaptool),
            LIMIT.1,
        ),
        Row::at_most("flash / dd, time", ratio(ours, dd), LIMIT.1),
    ])
}

/// Returns the median of the ratios of each round: what slows down a round slows down all programs.
fn ratio(ours: &[f64], theirs: &[f64]) -> f64 {
    let ratios = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs);
    median(ratios.collect())
}

/// A card that is written several times.
struct BenchCard {
    /// The file with its bytes.
    file: String,
    /// The device, or the file itself.
    path: String,
}

impl BenchCard {
    fn new(folder: &Path) -> Outcome<Self> {
        let file = folder.join("card").display().to_string();
        resize(&file)?;
        let attach = ["--find", "--show", "--direct-io=on", &file];
        let device = command::output("losetup", &attach).ok();
        let path = device.map(|device| device.trim().to_owned());
        Ok(Self {
            path: path.unwrap_or_else(|| file.clone()),
            file,
        })
    }

    /// Writes the card with one of the programs, and returns the seconds.
    fn write(&self, program: &str, (image, map): (&str, &str)) -> Outcome<f64> {
        self.prepare(image)?;
        let (from, to) = (format!("if={image}"), format!("of={}", self.path));
        let time = timed(|| match program {
            "dd" => command::run(
                "dd",
                &[&from, &to, "bs=4M", "conv=fsync,notrunc", "status=none"],
            ),
            "bmaptool" => command::run(
                "bmaptool",
                &["-q", "copy", "--bmap", map, image, &self.path],
            ),
            _ => self.flash(image).map(drop),
        })?;
        Ok(time.as_secs_f64())
    }

    /// Writes the card with this program, and returns its report.
    fn flash(&self, image: &str) -> Outcome<String> {
        let words = [
            "--quiet",
            "--json",
            "flash",
            image,
            &self.path,
            "--yes-really",
        ];
        command::output(demo::PROGRAM, &words)
    }

    /// Gives every program the same start.
    fn prepare(&self, image: &str) -> Outcome {
        if self.path == self.file {
            // bmaptool cuts a file to the size of the image.
            resize(&self.file)?;
        }
        let read = format!("cat '{image}' > /dev/null");
        command::run("sh", &["-c", &read])?;
        command::run("sync", &[])?;
        // dd(1) on `nocache`: without data, it forgets what is cached of the file.
        let of = format!("of={}", self.path);
        let forget = [
            &of,
            "oflag=nocache",
            "conv=notrunc,fdatasync",
            "count=0",
            "status=none",
        ];
        command::run("dd", &forget)
    }
}

impl Drop for BenchCard {
    fn drop(&mut self) {
        if self.path != self.file {
            let _ = command::run("losetup", &["--detach", &self.path]);
        }
        let _ = fs::remove_file(&self.file);
    }
}

fn resize(file: &str) -> Outcome {
    let mut options = fs::File::options();
    options.write(true).create(true).truncate(false);
    let resized = options.open(file).and_then(|file| file.set_len(CARD));
    resized.map_err(|error| format!("making {file}: {error}"))
}

/// Returns the first number after a text.
fn number(text: &str, before: &str) -> Outcome<u64> {
    let after = text.split_once(before).map(|(_, after)| after);
    let digits = after.and_then(|it| it.split(|letter: char| !letter.is_ascii_digit()).next());
    digits
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| format!("no number after {before}"))
}
