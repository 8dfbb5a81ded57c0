//! Runs the commands for running clusters on booted nodes, as their operator does, and measures them.

use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use etcd_image::boot::BootLab;
use etcd_image::etcd::{Client, Timeouts};
use etcd_image::progress;
use serde_json::Value;

use crate::support::cluster::{Images, NODES, address, healthy};
use crate::support::tool::{Running, Said};

/// How often a command is tried. An emulated board may be late nevertheless, and a command that is run again continues.
const TRIES: u32 = 5;
/// The seconds that an emulated board gets for a login and a command: a hundred times as long as a real one takes.
pub(super) const SSH_TIMEOUT: &str = "300";
/// The pause before the next try.
const PAUSE: Duration = Duration::from_secs(20);

/// The limit for one command, longer than any wait that its options ask for.
const LONGEST: Duration = Duration::from_mins(90);

/// What happens while a command runs.
pub(super) type Meanwhile<'a> = &'a mut dyn FnMut(&mut BootLab, &Running);

/// Three booted nodes, and the operator's directory.
pub(super) struct Operator {
    pub(super) lab: BootLab,
    pub(super) folder: PathBuf,
    key: String,
    /// The table of the commands so far.
    times: String,
}

impl Operator {
    /// Boots three nodes of this laboratory to a healthy cluster.
    pub(super) fn boot(images: &Images, mut lab: BootLab) -> Self {
        for name in NODES {
            lab.machines.start(name).unwrap();
        }
        healthy(&mut lab, &NODES);
        Self {
            lab,
            folder: images.images().parent().unwrap().to_owned(),
            key: images.key().to_str().unwrap().to_owned(),
            times: String::new(),
        }
    }

    /// Returns the addresses of the three nodes.
    pub(super) fn at(&self) -> Vec<IpAddr> {
        NODES.map(|name| address(&self.lab, name)).to_vec()
    }

    /// Returns a client with the current files of the state directory.
    pub(super) fn client(&self) -> Client {
        client(&self.folder.join("state"))
    }

    /// Runs a command that reaches the members until it succeeds, and returns its report.
    pub(super) fn members(&mut self, words: &[&str]) -> Value {
        self.timed(words, &[], &mut |_, _| ())
    }

    /// Runs a command that logs in to the nodes until it succeeds, and returns its report.
    pub(super) fn nodes(&mut self, words: &[&str]) -> Value {
        let key = self.key.clone();
        self.timed(words, &login(&key), &mut |_, _| ())
    }

    /// Runs a command with these options once, and returns how it ended.
    pub(super) fn once(&mut self, words: &[&str], options: &[&str]) -> Said {
        self.run(words, options, &mut |_, _| ())
    }

    /// Runs a command with these options, which the table leaves out, until it succeeds, and returns its report.
    pub(super) fn timed(
        &mut self,
        words: &[&str],
        options: &[&str],
        meanwhile: Meanwhile<'_>,
    ) -> Value {
        let (started, mut tries) = (Instant::now(), 1);
        let said = loop {
            let said = self.run(words, options, meanwhile);
            if said.code == Some(0) {
                break said;
            }
            assert!(tries < TRIES, "{words:?}: {}", said.words());
            progress::stderr(false).note(&format!("{words:?} again: {}", said.err));
            tries += 1;
            thread::sleep(PAUSE);
        };
        self.took(&words.join(" "), started.elapsed(), &tries.to_string());
        serde_json::from_slice(&said.out).unwrap()
    }

    /// Adds a line to the table.
    pub(super) fn took(&mut self, what: &str, time: Duration, tries: &str) {
        let seconds = time.as_secs();
        let line = format!("{what:<44} {seconds:>5} s {tries:>6}");
        progress::stderr(false).note(&line);
        writeln!(self.times, "{}", line.trim_end()).unwrap();
    }

    /// Runs a command. Its restarts end the machines, which are switched on again.
    fn run(&mut self, words: &[&str], options: &[&str], meanwhile: Meanwhile<'_>) -> Said {
        let own = ["--state", "state", "--json"];
        let line = [&["cluster"], words, &own, options].concat();
        let program = env!("CARGO_BIN_EXE_etcd-image");
        let mut command = Running::start_in(&self.folder, program, &line);
        let started = Instant::now();
        while !command.has_ended() {
            let is_late = started.elapsed() > LONGEST;
            assert!(!is_late, "{words:?} does not end: {}", command.err());
            meanwhile(&mut self.lab, &command);
            for name in NODES {
                if let Some(how) = self.lab.machines.stopped(name).unwrap() {
                    assert_eq!(words[0], "reboot", "{name} has stopped: {how}");
                    self.lab.machines.start(name).unwrap();
                }
            }
            thread::sleep(Duration::from_millis(200));
        }
        command.wait()
    }

    /// Shows the table of the commands, and keeps it in a file.
    pub(super) fn write_times(&self, path: &str, end: &str) {
        let head = format!("{:<44} {:>7} {:>6}", "etcd-image cluster", "time", "tries");
        let table = format!("{head}\n{}{end}\n", self.times);
        progress::stderr(false).note(&table);
        fs::write(path, table).unwrap();
    }
}

/// Returns the options of a command that logs in with this key.
pub(super) fn login(key: &str) -> [&str; 4] {
    ["--ssh-identity", key, "--ssh-timeout", SSH_TIMEOUT]
}

/// Returns a client with the files of a state directory.
pub(super) fn client(state: &Path) -> Client {
    Client::open(state, Timeouts::LABORATORY).unwrap()
}
