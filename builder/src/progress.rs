//! The progress of a long step: a bar on a terminal, occasional lines elsewhere, nothing with `--quiet`. All output goes to
//! stderr; stdout is for data.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, MultiProgress, ProgressBar, ProgressStyle};

/// A display of long steps.
pub trait Progress: fmt::Debug + Send + Sync {
    /// Starts a step that moves `total` bytes, if known. It ends when the task is dropped.
    fn task(&self, what: &str, total: Option<u64>) -> Box<dyn Task + '_>;
    /// Prints one line immediately.
    fn note(&self, line: &str);
}

/// One long step.
pub trait Task: Send {
    /// Sets the total number of bytes, once it is known.
    fn total(&mut self, bytes: u64);
    /// Sets the number of finished bytes, which may decrease when a download restarts.
    fn at(&mut self, bytes: u64);
}

/// Returns the display for stderr: bars on a terminal, lines elsewhere, nothing with `--quiet`.
pub fn stderr(quiet: bool) -> Box<dyn Progress> {
    if quiet {
        Box::new(Silent)
    } else if io::stderr().is_terminal() {
        Box::new(Bars::default())
    } else {
        Box::new(Lines::new(io::stderr(), Pace::default()))
    }
}

/// A display that shows nothing.
#[derive(Debug)]
pub struct Silent;

impl Progress for Silent {
    fn task(&self, _: &str, _: Option<u64>) -> Box<dyn Task + '_> {
        Box::new(Self)
    }
    fn note(&self, _: &str) {}
}

impl Task for Silent {
    fn total(&mut self, _: u64) {}
    fn at(&mut self, _: u64) {}
}

/// A display with one bar per step, with rate and remaining time.
#[derive(Debug, Default)]
struct Bars(MultiProgress);

impl Progress for Bars {
    fn task(&self, what: &str, total: Option<u64>) -> Box<dyn Task + '_> {
        let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let bar = self
            .0
            .add(bar.with_style(style()).with_message(what.to_owned()));
        bar.enable_steady_tick(Duration::from_millis(250));
        Box::new(Bar(bar))
    }
    fn note(&self, line: &str) {
        self.0.suspend(|| print(&mut io::stderr(), line));
    }
}

struct Bar(ProgressBar);

impl Task for Bar {
    fn total(&mut self, bytes: u64) {
        self.0.set_length(bytes);
    }
    fn at(&mut self, bytes: u64) {
        self.0.set_position(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn style() -> ProgressStyle {
    let template =
        "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The interval of [`Lines`]: this much time or this share of the total, whichever takes longer.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The minimum time between two lines.
    pub time: Duration,
    /// The minimum percentage between two lines.
    pub percent: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(5),
            percent: 10,
        }
    }
}

/// A display of plain lines, for logs.
#[derive(Debug)]
pub struct Lines<W> {
    out: Mutex<W>,
    pace: Pace,
}

impl<W: Write + Send> Lines<W> {
    /// Creates a display that prints to `out`, no more often than `pace`.
    pub fn new(out: W, pace: Pace) -> Self {
        Self {
            out: Mutex::new(out),
            pace,
        }
    }
}

impl<W: Write + Send + fmt::Debug> Progress for Lines<W> {
    fn task(&self, what: &str, total: Option<u64>) -> Box<dyn Task + '_> {
        self.note(&match total {
            Some(total) => format!("{what} ({})", BinaryBytes(total)),
            None => what.to_owned(),
        });
        Box::new(Line {
            lines: self,
            what: what.to_owned(),
            total,
            printed: (0, Instant::now()),
        })
    }
    fn note(&self, line: &str) {
        print(
            &mut *self.out.lock().unwrap_or_else(PoisonError::into_inner),
            line,
        );
    }
}

struct Line<'a, W> {
    lines: &'a Lines<W>,
    what: String,
    total: Option<u64>,
    /// Position and time of the last line.
    printed: (u64, Instant),
}

impl<W: Write + Send + fmt::Debug> Task for Line<'_, W> {
    fn total(&mut self, bytes: u64) {
        self.total = Some(bytes);
    }

    fn at(&mut self, bytes: u64) {
        let (position, time) = self.printed;
        if time.elapsed() < self.lines.pace.time {
            return;
        }
        let percent = |bytes: u64| {
            self.total
                .map(|total| bytes.saturating_mul(100) / total.max(1))
        };
        let step = percent(bytes.saturating_sub(position));
        if step.is_none_or(|step| step >= self.lines.pace.percent) {
            self.printed = (bytes, Instant::now());
            let share = percent(bytes).map_or_else(String::new, |percent| format!(", {percent} %"));
            self.lines
                .note(&format!("{}: {}{share}", self.what, BinaryBytes(bytes)));
        }
    }
}

/// Prints a line; a closed stderr must not stop a build.
fn print(out: &mut impl Write, line: &str) {
    let _ = writeln!(out, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(
        pace: Pace,
        total: Option<u64>,
        positions: impl IntoIterator<Item = u64>,
    ) -> Vec<String> {
        let lines = Lines::new(Vec::new(), pace);
        let mut task = lines.task("copying", total);
        positions.into_iter().for_each(|position| task.at(position));
        drop(task);
        let text = String::from_utf8(lines.out.into_inner().unwrap()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_come_every_tenth_when_fast() {
        let pace = Pace {
            time: Duration::ZERO,
            percent: 10,
        };
        let lines = printed(pace, Some(1024), 0..=1024);
        assert_eq!(lines.len(), 10, "{lines:?}");
        assert_eq!(lines[0], "copying (1.00 KiB)");
        assert_eq!(lines[1], "copying: 103 B, 10 %");
    }

    #[test]
    fn lines_are_never_closer_than_the_pace() {
        let pace = Pace {
            time: Duration::from_hours(1),
            percent: 0,
        };
        assert_eq!(printed(pace, None, 0..1000), ["copying"]);
    }

    #[test]
    fn an_unknown_total_is_shown_in_bytes() {
        let pace = Pace {
            time: Duration::ZERO,
            percent: 10,
        };
        assert_eq!(printed(pace, None, [512]), ["copying", "copying: 512 B"]);
    }
}
