//! The tamper table: one bit flipped in any input of a build, or in any file that it wrote, is reported, and by which message.
//!
//! `cargo nextest run tampered --no-capture` prints the table.

#![expect(clippy::print_stdout, reason = "prints the table for people")]

mod inputs;
mod outputs;

use std::fs;

use crate::support::fixture::poke;
use crate::support::scene::{Outcome, Scene};

/// Prints one line of the table and asserts the exit code and the message.
#[track_caller]
fn reported(file: &str, command: &[&str], outcome: &Outcome, (code, wanted): (i32, &str)) {
    let found = message(file, outcome);
    println!("| `{file}` | `{}` | {code} | {found} |", command.join(" "));
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
