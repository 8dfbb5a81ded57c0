//! A node's serial console, and the stage that the node has reached.

use std::collections::VecDeque;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

/// The stage that a node has reached; each stage includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The node is powered on; the kernel has printed nothing yet.
    Off,
    /// The kernel runs.
    Kernel,
    /// The root file system is mounted and systemd runs.
    Systemd,
    /// The node's address is configured.
    Network,
    /// etcd was started.
    Etcd,
    /// etcd answers as a healthy member.
    Member,
}

impl Stage {
    /// Returns the name for display.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "power",
            Self::Kernel => "kernel",
            Self::Systemd => "systemd",
            Self::Network => "network",
            Self::Etcd => "etcd",
            Self::Member => "member",
        }
    }
}

/// Returns the stage that a line of the kernel or of systemd indicates.
fn stage_of(line: &str) -> Option<Stage> {
    const WORDS: [(&str, Stage); 7] = [
        ("Booting Linux on physical CPU", Stage::Kernel),
        ("systemd[1]: ", Stage::Systemd),
        ("Reached target network.target", Stage::Network),
        ("Reached target network-online.target", Stage::Network),
        ("Starting etcd.service", Stage::Etcd),
        ("Started etcd.service", Stage::Etcd),
        // The text of overlays/etcd/join. A prefix is not required: lines of systemd and the kernel are sometimes joined.
        ("etcd-node: waiting for", Stage::Etcd),
    ];
    WORDS
        .iter()
        .rev()
        .find(|(words, _)| line.contains(words))
        .map(|(_, stage)| *stage)
}

/// Texts of lines after which a node cannot finish booting.
const HOPELESS: [&str; 5] = [
    // The text of overlays/appliance/data.
    "etcd-node: refused: ",
    "Kernel panic - not syncing",
    "Gave up waiting for root file system device",
    "You are in emergency mode",
    "Give root password for maintenance",
];

/// systemd's marks for failures.
const FAULTS: [&str; 2] = ["[FAILED]", "[ TIME ]"];

/// The number of lines kept for display after a failure.
const KEPT: usize = 40;

/// The console of one run of a node, read as it grows.
#[derive(Debug)]
pub struct Console {
    path: PathBuf,
    read: u64,
    unfinished: Vec<u8>,
    tail: VecDeque<String>,
    stage: Stage,
    fault: Option<String>,
    hopeless: Option<String>,
}

impl Console {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            read: 0,
            unfinished: Vec::new(),
            tail: VecDeque::new(),
            stage: Stage::Off,
            fault: None,
            hopeless: None,
        }
    }

    /// Reads the new output and returns it line by line. A console that does not exist yet yields no lines.
    pub fn follow(&mut self) -> Result<Vec<String>> {
        let Ok(mut file) = fs_err::File::open(&self.path) else {
            return Ok(Vec::new());
        };
        file.seek(SeekFrom::Start(self.read))?;
        let mut new = Vec::new();
        self.read += file.read_to_end(&mut new)? as u64;
        Ok(self.take(&new))
    }

    /// Returns the furthest stage so far.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Returns the line after which the node cannot finish booting, with the first fault before it.
    pub fn hopeless(&self) -> Option<&str> {
        self.hopeless.as_deref()
    }

    /// Returns the last lines.
    pub fn tail(&self) -> impl Iterator<Item = &str> {
        self.tail.iter().map(String::as_str)
    }

    fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        self.unfinished.extend_from_slice(bytes);
        let Some(end) = self.unfinished.iter().rposition(|byte| *byte == b'\n') else {
            return Vec::new();
        };
        let rest = self.unfinished.split_off(end + 1);
        let whole = std::mem::replace(&mut self.unfinished, rest);
        let text = plain(&String::from_utf8_lossy(&whole));
        let lines: Vec<String> = text
            .lines()
            .map(|line| line.trim_end().to_owned())
            .filter(|line| !line.is_empty() && !is_waiting(line))
            .collect();
        for line in &lines {
            self.note(line);
        }
        lines
    }

    fn note(&mut self, line: &str) {
        self.stage = stage_of(line).map_or(self.stage, |stage| stage.max(self.stage));
        if FAULTS.iter().any(|mark| line.contains(mark)) {
            self.fault.get_or_insert_with(|| line.to_owned());
        }
        if self.hopeless.is_none() && HOPELESS.iter().any(|words| line.contains(words)) {
            let fault = self.fault.iter().map(String::as_str);
            let lines: Vec<_> = fault.chain([line]).collect();
            self.hopeless = Some(lines.join(" … "));
        }
        if self.tail.len() == KEPT {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
    }
}

/// Returns whether a line is systemd's moving stars, which show several times a second that a job is still running.
fn is_waiting(line: &str) -> bool {
    let stars = line
        .trim_start()
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    stars.is_some_and(|(stars, job)| stars.contains('*') && job.contains("Job "))
}

/// Returns text without the escape sequences of terminals (ECMA-48, 5.4) and other control characters.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => {
                if characters.next() == Some('[') {
                    // Skip the parameters, up to the letter that ends the sequence.
                    while characters.next().is_some_and(|c| !('@'..='~').contains(&c)) {}
                }
            }
            '\n' | '\t' => out.push(character),
            // systemd rewrites its progress line in place.
            '\r' if characters.peek() != Some(&'\n') => out.push('\n'),
            _ if character.is_control() => {}
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn console() -> Console {
        Console::new("nowhere".into())
    }

    #[test]
    fn stages_are_read_from_what_linux_and_systemd_say() {
        let cases = [
            (
                "[    0.000000] Booting Linux on physical CPU 0x0000000000",
                Stage::Kernel,
            ),
            (
                "[   38.3] systemd[1]: Hostname set to <etcd1>.",
                Stage::Systemd,
            ),
            (
                "\u{1b}[K[\u{1b}[0;32m  OK  \u{1b}[0m] Reached target \u{1b}[0;1;39mnetwork-online.target\u{1b}[0m - Network is Online.",
                Stage::Network,
            ),
            (
                "         Starting \u{1b}[0;1;39metcd.service\u{1b}[0m - etcd key-value store, member etcd1...",
                Stage::Etcd,
            ),
            (
                "[   71.2] join[301]: etcd-node: waiting for etcd2: a new cluster begins",
                Stage::Etcd,
            ),
            (
                "         Starting \u{1b}[0;1;39metcd-node-grow.service\u{1b}[0m",
                Stage::Off,
            ),
        ];
        for (line, stage) in cases {
            let mut console = console();
            console.take(format!("{line}\r\n").as_bytes());
            assert_eq!(console.stage(), stage, "{line}");
        }
    }

    #[test]
    fn lines_come_whole_and_once() {
        let mut console = console();
        assert!(console.take(b"one\r\ntw").len() == 1);
        assert_eq!(console.take(b"o\r\n"), ["two"]);
        assert_eq!(console.tail().collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn moving_stars_are_left_out() {
        let stars = "\x1b[K[\x1b[0;31m*\x1b[0;1;31m*\x1b[0m    ] ";
        for job in ["(1 of 2) Job", "Job"] {
            let line = format!("{stars}{job} ldconfig.service/start running (10s / no limit)\n");
            assert!(console().take(line.as_bytes()).is_empty(), "{job}");
        }
        let others = "[    4.1] * Job descriptions\n[  OK  ] Started a.service - Job of *.\n";
        assert_eq!(console().take(others.as_bytes()).len(), 2);
    }

    #[test]
    fn a_stage_is_never_lost() {
        let mut console = console();
        console.take(b"Starting etcd.service\nsystemd[1]: later\n");
        assert_eq!(console.stage(), Stage::Etcd);
    }

    #[test]
    fn a_panic_ends_hope() {
        let mut console = console();
        console.take(b"Kernel panic - not syncing: VFS: Unable to mount root fs\n");
        assert!(
            console
                .hopeless()
                .is_some_and(|line| line.ends_with("root fs"))
        );
    }

    #[test]
    fn emergency_mode_is_told_with_its_cause() {
        let mut console = console();
        console.take(b"[ TIME ] Timed out waiting for x\n[FAILED] y\nYou are in emergency mode.\n");
        let wanted = "[ TIME ] Timed out waiting for x … You are in emergency mode.";
        assert_eq!(console.hopeless(), Some(wanted));
    }

    #[test]
    fn a_node_that_refuses_to_start_is_told_with_its_reason() {
        let mut console = console();
        console.take(b"[  9.1] data[300]: etcd-node: refused: the card holds ntfs.\n");
        assert!(
            console
                .hopeless()
                .is_some_and(|line| line.ends_with("holds ntfs."))
        );
    }

    #[test]
    fn the_tail_is_short() {
        let mut console = console();
        (0..100).for_each(|n| drop(console.take(format!("{n}\n").as_bytes())));
        assert_eq!(console.tail().count(), KEPT);
        assert_eq!(console.tail().last(), Some("99"));
    }
}
