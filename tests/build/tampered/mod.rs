//! The tamper table: one bit flipped in any input of a build, or in any file that it wrote, is reported, and by which message.
//!
//! `builder/TAMPERING.md` has the table. A test whose section of it differs fails and prints the section as it has to be.

mod inputs;
mod outputs;

use std::fs;

use crate::support::fixture::{ETCD, poke};
use crate::support::scene::{Outcome, Scene};

/// The path of the document.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/builder/TAMPERING.md");

/// The first lines of each of its tables.
const HEAD: &str = "| file | command | exit code | message |\n|---|---|---|---|\n";

/// A section of the document.
struct Section {
    heading: &'static str,
    lines: Vec<String>,
}

impl Section {
    fn new(heading: &'static str) -> Self {
        Self {
            heading,
            lines: Vec::new(),
        }
    }

    /// Asserts what a command says about a file with a flipped bit, and adds a line about it.
    #[track_caller]
    fn reported(&mut self, file: &str, command: &[&str], outcome: &Outcome, told: (i32, &str)) {
        is_told(file, outcome, told);
        self.add(file, command, told);
    }

    /// Adds a line, unless the section has it.
    fn add(&mut self, file: &str, command: &[&str], (code, message): (i32, &str)) {
        let command = command.join(" ");
        let line = format!("| `{file}` | `{command}` | {code} | {message} |\n");
        let line = line.replace(ETCD, "VERSION");
        if !self.lines.contains(&line) {
            self.lines.push(line);
        }
    }

    /// Asserts that the document has this section.
    #[track_caller]
    fn is_documented(&self) {
        let wanted = format!("{}\n\n{HEAD}{}", self.heading, self.lines.concat());
        let document = fs::read_to_string(DOCUMENT).unwrap();
        let mut sections = document.split("\n## ");
        assert!(
            sections.any(|section| section.trim_end() == wanted.trim_end()),
            "put this section into builder/TAMPERING.md:\n\n## {wanted}"
        );
    }
}

/// Asserts the exit code and the message of a command.
#[track_caller]
fn is_told(file: &str, outcome: &Outcome, (code, wanted): (i32, &str)) {
    let found = message(file, outcome);
    assert_eq!(
        (outcome.code, found.as_str()),
        (Some(code), wanted),
        "{file}: {}{}",
        outcome.stdout,
        outcome.stderr
    );
}

/// Returns what a command says about a file: the problems in the report of `verify`, or the error. Digests, fingerprints and
/// numbers, which differ from build to build, become words.
fn message(file: &str, outcome: &Outcome) -> String {
    let start = format!("{file}: BAD");
    let mut lines = outcome.stdout.lines();
    let is_reported = lines.any(|line| line.starts_with(&start));
    let problems = lines.take_while(|line| line.starts_with("  "));
    let problems: Vec<&str> = problems.map(str::trim).collect();
    let mut error = outcome.stderr.lines();
    let error = error.find_map(|line| line.strip_prefix("error: "));
    let said = match is_reported {
        true => problems.join("; "),
        false => error.unwrap_or_default().to_owned(),
    };
    let words: Vec<String> = said.split(' ').map(without_values).collect();
    words.join(" ")
}

fn without_values(word: &str) -> String {
    let bare = word.trim_end_matches([';', ',', ':']);
    let end = &word[bare.len()..];
    let is_digest = bare.len() == 64 && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    match bare {
        _ if is_digest => format!("DIGEST{end}"),
        _ if bare.starts_with("SHA256:") => format!("KEY{end}"),
        _ if bare.ends_with(')') && bare.starts_with(|first: char| first.is_ascii_digit()) => {
            format!("NUMBER){end}")
        }
        _ => word.to_owned(),
    }
}

/// Flips the lowest bit of a byte.
fn flip(scene: &Scene, file: &str, place: usize) {
    let path = scene.at(file);
    let byte = fs::read(&path).unwrap()[place];
    poke(&path, place as u64, &[byte ^ 1]);
}

fn len(scene: &Scene, file: &str) -> usize {
    usize::try_from(fs::metadata(scene.at(file)).unwrap().len()).unwrap()
}

/// Returns the first place from `start` on whose byte and its neighbor by one bit are both digits.
fn digit(scene: &Scene, file: &str, start: usize) -> usize {
    place(scene, file, start, u8::is_ascii_digit)
}

/// Returns the first place from `start` on whose byte and its neighbor by one bit both occur in Base64.
fn base64(scene: &Scene, file: &str, start: usize) -> usize {
    place(scene, file, start, |byte| {
        byte.is_ascii_alphanumeric() && (byte ^ 1).is_ascii_alphanumeric()
    })
}

fn place(scene: &Scene, file: &str, start: usize, suits: impl Fn(&u8) -> bool) -> usize {
    let bytes = fs::read(scene.at(file)).unwrap();
    let found = bytes[start..].iter().position(suits);
    start + found.unwrap()
}
