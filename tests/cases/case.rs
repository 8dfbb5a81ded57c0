//! One walk-through: its booted cluster, and a row of the table for each item.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use etcd_image::boot::BootLab;

use super::example::Example;
use super::list::{self, Item, List};
use crate::support::cluster::{Images, healthy};
use crate::support::tool::{Said, tool_in};

/// The directory of the rows, which `cargo xtask test --cases` prints.
pub(super) const ROWS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/cases");

/// The directory of etcd's programs for this machine.
const ETCD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/lab/etcd/3.5");

/// The number of characters of a cell that shows output.
const WIDTH: usize = 160;

/// How long a node may take from health to its first login on a busy machine.
const LOGIN: Duration = Duration::from_mins(20);

/// Variables of etcdctl: emulated boards answer later than it waits by default, which is 2 s for a connection and 5 s for a command.
const PATIENT_ETCDCTL: &str = "export ETCDCTL_DIAL_TIMEOUT=60s ETCDCTL_COMMAND_TIMEOUT=60s";

/// Options of ssh for a busy machine: a new login may take minutes, and a silent connection is not lost.
const PATIENT: [&str; 8] = [
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=120",
    "-o",
    "ServerAliveInterval=60",
    "-o",
    "ServerAliveCountMax=5",
];
/// The seconds after which a command counts as hanging, for timeout(1).
const COMMAND: &str = "600";
/// The exit code of timeout(1) then.
const HANGS: i32 = 124;
/// How often a command is tried whose connection fails.
const TRIES: u32 = 3;

/// A booted cluster and its rows so far.
#[derive(Debug)]
pub(super) struct Case {
    name: &'static str,
    list: List,
    images: Images,
    /// The machines, which run as long as this value exists.
    _lab: BootLab,
    /// How long the images took.
    built: Duration,
    booted: Duration,
    /// The variables of commands on this machine.
    variables: String,
    rows: Vec<Row>,
}

/// One line of the table.
#[derive(Debug)]
struct Row {
    name: String,
    shows: String,
    seen: String,
    reached: &'static str,
}

impl Row {
    fn new(item: &Item, seen: &str, reached: &'static str) -> Self {
        Self {
            name: item.name.clone(),
            shows: cell(&format!("`{}` → {}", item.run, item.shows.join(" … "))),
            seen: cell(seen),
            reached,
        }
    }

    /// Returns the line of the table, of the walk-through whose letter begins the name of its list.
    fn line(&self, list: &str) -> String {
        let letter = &list[..1];
        let Self {
            name,
            shows,
            seen,
            reached,
        } = self;
        format!("| {letter} | {name} | {shows} | {seen} | {reached} |\n")
    }
}

/// Writes the row of the item of a list that another test shows, in a file of its own.
pub(super) fn write_row(list: &str, test: &str, seen: &str) {
    let items = list::read(list).item.into_iter();
    let mut of_test = items.filter(|item| item.test.as_deref() == Some(test));
    let item = of_test.next().unwrap();
    let reached = match item.shown_by(seen) {
        true => "yes",
        false => MISSED,
    };
    fs::create_dir_all(ROWS).unwrap();
    fs::write(
        file(test, "rows"),
        Row::new(&item, seen, reached).line(list),
    )
    .unwrap();
}

/// The mark of an item that should have been reached.
const MISSED: &str = "**NO**";

impl Case {
    /// Boots all nodes of an example, whose images were built, to a healthy cluster.
    pub(super) fn boot(example: Example) -> Self {
        let name = example.name();
        let images = example.images();
        let mut lab = images.lab();
        let names: Vec<String> = lab.nodes().iter().map(|node| node.name.clone()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let built = example.built();
        let unfinished = "the nodes did not become healthy and accept logins";
        fs::write(file(name, "time"), unfinished).unwrap();
        let started = Instant::now();
        for name in &names {
            lab.machines.start(name).unwrap();
        }
        healthy(&mut lab, &names);
        let booted = started.elapsed();
        for name in names {
            accepts_logins(&images, name);
        }
        Self {
            name,
            variables: example.variables(),
            list: example.into_list(),
            images,
            _lab: lab,
            built,
            booted,
            rows: Vec::new(),
        }
    }

    /// Runs the command of every item.
    pub(super) fn runs_all(&mut self) {
        let items = std::mem::take(&mut self.list.item);
        for item in items.into_iter().filter(|item| item.test.is_none()) {
            let row = self.try_item(&item);
            self.rows.push(row);
            // So that a run that is cut off shows how far it came.
            self.write_rows();
        }
    }

    fn try_item(&self, item: &Item) -> Row {
        let (seen, reached) = match &item.lacks {
            Some(why) => (why.clone(), "no"),
            None => self.observe(item),
        };
        Row::new(item, &seen, reached)
    }

    /// Runs the command of an item; returns its output and whether it is the expected one.
    fn observe(&self, item: &Item) -> (String, &'static str) {
        let said = self.says(item);
        let text = match said.code {
            Some(HANGS) => format!("no answer within {COMMAND} s {}{}", said.text(), said.err),
            _ => said.text() + &said.err,
        };
        match (item.shown_by(&text), &item.depends) {
            (true, _) => (text, "yes"),
            (false, Some(why)) => (format!("{text} ({why})"), "no"),
            (false, None) => (text, MISSED),
        }
    }

    fn says(&self, item: &Item) -> Said {
        match item.on.as_deref().unwrap_or(&self.list.node) {
            "here" => {
                let program = Path::new(env!("CARGO_BIN_EXE_etcd-image"));
                let ours = program.parent().unwrap().display();
                let command = format!(
                    "PATH={ETCD}:{ours}:$PATH {}\n{PATIENT_ETCDCTL}\n{}",
                    self.variables, item.run
                );
                let words = [COMMAND, "sh", "-c", &command];
                tool_in(&self.images.images(), "timeout", &words)
            }
            node => {
                let command = format!("{PATIENT_ETCDCTL}\n{}", item.run);
                on(&self.images, node, &command)
            }
        }
    }

    /// Writes the rows, and checks that every item was reached that the images have.
    pub(super) fn ends(self) {
        self.write_rows();
        let missed: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| row.reached == MISSED)
            .collect();
        assert!(missed.is_empty(), "case {}: {missed:#?}", self.name);
    }

    fn write_rows(&self) {
        let lines: String = self.rows.iter().map(|row| row.line(self.name)).collect();
        fs::write(file(self.name, "rows"), lines).unwrap();
        let (built, booted) = (self.built.as_secs(), self.booted.as_secs());
        let time = format!("images built in {built} s, healthy {booted} s after power-on");
        fs::write(file(self.name, "time"), time).unwrap();
    }
}

/// Returns the path of a file that the run of a list writes.
pub(super) fn file(name: &str, ending: &str) -> PathBuf {
    Path::new(ROWS).join(format!("{name}.{ending}"))
}

/// Runs a command on a node as its user, again if the connection fails. Returns the result of ssh(1), or of timeout(1) if the
/// command hangs.
fn on(images: &Images, node: &str, command: &str) -> Said {
    /// The exit code of ssh if there is no connection.
    const NO_CONNECTION: i32 = 255;
    let key = images.key();
    let words = [
        COMMAND,
        "ssh",
        "-F",
        "client/ssh_config",
        "-o",
        "IdentitiesOnly=yes",
    ];
    let rest = ["-i", key.to_str().unwrap(), node, command];
    let words = [&words[..], &PATIENT, &rest].concat();
    let mut tries = 1;
    loop {
        let said = tool_in(&images.images(), "timeout", &words);
        if said.code != Some(NO_CONNECTION) || tries == TRIES {
            return said;
        }
        tries += 1;
        thread::sleep(Duration::from_secs(5));
    }
}

/// Waits until a node accepts the user's key, since etcd may start before sshd.
fn accepts_logins(images: &Images, node: &str) {
    let started = Instant::now();
    loop {
        let said = on(images, node, "true");
        if said.code == Some(0) {
            return;
        }
        let late = started.elapsed() > LOGIN;
        assert!(!late, "no login on {node}: {}", said.words());
        thread::sleep(Duration::from_secs(2));
    }
}

/// Returns a text as the cell of a table: one line, not too long, without the separator of the table.
fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ").replace('|', "¦");
    match line.char_indices().nth(WIDTH) {
        None => line,
        Some((end, _)) => format!("{} …", &line[..end]),
    }
}
