//! Runs other programs and prints their command lines.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::qemu;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_secs(20);

/// The seconds from which on the time of a command is printed, so that a log shows where the time of the tests goes.
const WORTH_SAYING: u64 = 5;

/// The result of a chore: a value, or one line that describes the failure.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// Returns the root of the checkout.
pub(crate) fn root() -> PathBuf {
    let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
    xtask.ancestors().nth(2).unwrap_or(xtask).to_owned()
}

/// Returns a command for a program that runs at the root of the checkout.
#[expect(
    clippy::disallowed_methods,
    reason = "chores start programs; the product does not"
)]
pub(crate) fn program(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(arguments).current_dir(root());
    if let Ok(path) = std::env::join_paths(path()) {
        command.env("PATH", path);
    }
    command
}

/// Returns the directories searched for programs: first what setup unpacked, last those that a user's `PATH` often lacks.
pub(crate) fn path() -> Vec<PathBuf> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let administrators = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let unpacked = [qemu::programs()].into_iter();
    unpacked
        .chain(std::env::split_paths(&own))
        .chain(administrators)
        .collect()
}

/// Prints the command and runs it; a failure is an error.
pub(crate) fn run(name: &str, arguments: &[&str]) -> Outcome {
    start(&mut program(name, arguments))
}

/// Runs a prepared command; a failure is an error.
pub(crate) fn start(command: &mut Command) -> Outcome {
    let shown = shown(command);
    say(&format!("$ {shown}"));
    let started = Instant::now();
    let status = command
        .status()
        .map_err(|error| format!("starting `{shown}`: {error}"))?;
    let seconds = started.elapsed().as_secs();
    if seconds >= WORTH_SAYING {
        say(&format!("took {seconds} s: {shown}"));
    }
    match status.success() {
        true => Ok(()),
        false => Err(format!("`{shown}` failed: {status}")),
    }
}

/// Runs two chores at the same time, and waits for both.
pub(crate) fn both(
    one: impl FnOnce() -> Outcome + Send,
    other: impl FnOnce() -> Outcome,
) -> Outcome {
    std::thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        let one = one.join();
        other?;
        one.map_err(|_| "a chore has panicked".to_owned())?
    })
}

/// Tries an action that needs the network up to three times, because a mirror may be briefly unavailable.
pub(crate) fn retry(mut attempt: impl FnMut() -> Outcome) -> Outcome {
    for _ in 0..2 {
        match attempt() {
            Ok(()) => return Ok(()),
            Err(message) => say(&format!("{message}; trying again in {} s", PAUSE.as_secs())),
        }
        std::thread::sleep(PAUSE);
    }
    attempt()
}

/// Returns whether a command succeeds, without showing its output.
pub(crate) fn succeeds(name: &str, arguments: &[&str]) -> bool {
    let mut command = program(name, arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Returns the standard output of a command.
pub(crate) fn output(name: &str, arguments: &[&str]) -> Outcome<String> {
    let output = program(name, arguments).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("starting `{name}`: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!(
            "`{name} {}` failed: {}",
            arguments.join(" "),
            output.status
        )),
    }
}

/// Creates a directory and its missing parents.
pub(crate) fn create_folder(folder: &Path) -> Outcome {
    std::fs::create_dir_all(folder).map_err(|error| format!("making {}: {error}", folder.display()))
}

/// Prints a line on standard error. A closed stream is ignored.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
