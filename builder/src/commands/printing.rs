//! Standard output: results as text or as JSON.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::cli::OutputMode;
use crate::failure::{Failure, Kind};

/// Prints a result and returns its verdict, which decides the exit code even if printing fails.
pub(super) fn conclude<T: Serialize + Display>(
    mode: &OutputMode,
    result: &T,
    verdict: Result<()>,
) -> Result<()> {
    let printed = print(mode, result, result);
    verdict.and(printed)
}

/// Prints data to standard output, as JSON or as text.
pub(super) fn print(mode: &OutputMode, data: &impl Serialize, text: &impl Display) -> Result<()> {
    print_to_reader(mode, data, text).map(drop)
}

/// Does the same, and returns whether somebody still reads.
pub(super) fn print_to_reader(
    mode: &OutputMode,
    data: &impl Serialize,
    text: &impl Display,
) -> Result<bool> {
    match (mode.json, mode.quiet) {
        (true, _) => is_read(&(serde_json::to_string_pretty(data)? + "\n")),
        (false, true) => Ok(true),
        (false, false) => is_read(&text.to_string()),
    }
}

/// Prints a text to standard output. A reader that stops early, as in `etcd-image plan | head`, is not an error.
pub(super) fn print_text(text: &str) -> Result<()> {
    is_read(text).map(drop)
}

/// Prints a text to standard output. Returns whether somebody reads it.
fn is_read(text: &str) -> Result<bool> {
    match write(text) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        done => done.with_context(unwritable).map(|()| true),
    }
}

/// Writes a text to standard output.
pub(super) fn write(text: &str) -> std::io::Result<()> {
    std::io::stdout().lock().write_all(text.as_bytes())
}

/// Returns the failure to attach to an error of standard output.
pub(super) fn unwritable() -> Failure {
    Kind::Storage.context(
        "writing to standard output",
        "check the free space of the disk that receives it",
    )
}
