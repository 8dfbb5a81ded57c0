//! Records what commands say, and compares it with a reviewed text.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Instant;

use super::RELEASE;
use crate::support::nodes::Nodes;
use crate::support::tool::Said;

/// What the commands have said so far.
#[derive(Debug)]
pub(super) struct Diary {
    name: &'static str,
    /// The text that is compared.
    text: String,
    /// Everything that was said, with durations, for `target/tmp/failures-NAME.txt`.
    record: String,
    /// The words that run before the program: variables of its environment, or another program.
    pub(super) before: Vec<String>,
    /// The state directory.
    pub(super) state: &'static str,
}

impl Diary {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            text: String::new(),
            record: String::new(),
            before: Vec::new(),
            state: "etcd-cluster",
        }
    }

    /// Begins a part of the text.
    pub(super) fn part(&mut self, title: &str, state: &'static str) {
        let title = format!("## {title}\n\n");
        self.text += &title;
        self.record += &title;
        (self.state, self.before) = (state, Vec::new());
    }

    /// Runs a command and records its exit code and messages.
    pub(super) fn run(&mut self, nodes: &mut Nodes, command: &str) -> Said {
        let said = self.take(nodes, command);
        let messages = lasting(&said.err, &nodes.members.scene.at("").display().to_string());
        let code = code(&said);
        let _ = write!(
            self.text,
            "$ etcd-image cluster {command}    # exit {code}\n{messages}\n"
        );
        said
    }

    /// Runs a command whose messages depend on the moment, and are only recorded.
    pub(super) fn take(&mut self, nodes: &mut Nodes, command: &str) -> Said {
        let started = Instant::now();
        let said = run(nodes, &self.before, self.state, command);
        let (code, seconds) = (code(&said), started.elapsed().as_secs_f32());
        let _ = write!(
            self.record,
            "$ etcd-image cluster {command}    # exit {code}, {seconds:.1} s\n{}{}\n",
            said.text(),
            said.err
        );
        said
    }

    /// Compares with the reviewed text; if they differ, writes the new text next to it for review and fails.
    #[track_caller]
    pub(super) fn reviewed(&self) {
        let name = self.name;
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/snapshots/failures-{name}.txt"));
        let wanted = fs::read_to_string(&path).unwrap_or_default();
        if self.text != wanted {
            fs::write(path.with_extension("new"), &self.text).unwrap();
        }
        assert_eq!(
            self.text, wanted,
            "review failures-{name}.new and rename it to .txt"
        );
    }
}

impl Drop for Diary {
    fn drop(&mut self) {
        let name = format!("failures-{}.txt", self.name);
        // It is only for the reader.
        let _ = fs::write(
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(name),
            &self.record,
        );
    }
}

fn code(said: &Said) -> String {
    said.code.map_or("-".to_owned(), |code| code.to_string())
}

/// Runs a command in the scene of the nodes.
fn run(nodes: &mut Nodes, before: &[String], state: &str, command: &str) -> Said {
    let words = words(nodes, state, command);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let before: Vec<_> = before.iter().map(String::as_str).collect();
    nodes.run(&before, &words, |_| ())
}

/// Returns the words of a command with the options that it needs in the scene of the nodes.
pub(super) fn words(nodes: &Nodes, state: &str, command: &str) -> Vec<String> {
    let at = |name: &str| nodes.members.scene.at(name).display().to_string();
    let (key, cache) = (at("key"), at("home/.cache/etcd-image"));
    let (login, release) = (at("home/.ssh/id_ed25519.pub"), at(RELEASE));
    let mut words: Vec<_> = command.split(' ').map(str::to_owned).collect();
    for word in &mut words {
        if word == "RELEASE" {
            word.clone_from(&release);
        }
    }
    words.extend(["--state".to_owned(), state.to_owned()]);
    let name = words[0].clone();
    let is_etcd_only = [
        "backup",
        "defrag",
        "compact",
        "alarm",
        "move-leader",
        "password",
    ];
    if !is_etcd_only.contains(&name.as_str()) {
        words.extend(["--ssh-identity".to_owned(), key]);
    }
    if ["replace", "add", "remove"].contains(&name.as_str()) {
        words.extend(["--ssh-key".to_owned(), login]);
        words.extend(["--cache".to_owned(), cache.clone()]);
        words.extend(nodes.members.scene.inputs().iter().cloned());
    }
    if name == "upgrade" {
        words.extend(["--offline".to_owned(), "--cache".to_owned(), cache]);
    }
    words
}

/// Replaces what differs between two runs: the scene's directory, dates and times, and etcd's words while it has no leader.
fn lasting(text: &str, folder: &str) -> String {
    let mut text = text.replace(folder, "SCENE/");
    for words in [
        "etcd says: etcdserver: request timed out",
        "etcd says: etcdserver: no leader",
        "no answer within 5 s",
        "no answer within 3 s",
    ] {
        text = text.replace(words, "(no answer)");
    }
    let line = |line: &str| {
        let words: Vec<_> = line.split(' ').map(undated).collect();
        words.join(" ") + "\n"
    };
    text.lines().map(line).collect()
}

/// Replaces the digits of a date or time.
fn undated(word: &str) -> String {
    let is_moment = word.contains(['-', ':'])
        && word.contains(|letter: char| letter.is_ascii_digit())
        && word
            .chars()
            .all(|letter| letter.is_ascii_digit() || "-:(),;".contains(letter));
    let digit = |letter: char| if letter.is_ascii_digit() { '0' } else { letter };
    match is_moment {
        true => word.chars().map(digit).collect(),
        false => word.to_owned(),
    }
}
