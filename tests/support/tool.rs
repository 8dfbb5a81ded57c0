//! Programs of other authors, started as a person would, their words kept.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// What a program said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// The name it was started by.
    pub(crate) program: String,
    /// Exit code; `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) out: Vec<u8>,
    /// Standard error.
    pub(crate) err: String,
}

impl Said {
    fn new(program: &str, output: Output) -> Self {
        Self {
            program: program.to_owned(),
            code: output.status.code(),
            out: output.stdout,
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// The output of a program that had no reason to fail.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.words());
        self
    }

    /// Everything it said, for a person who reads a failed test.
    pub(crate) fn words(&self) -> String {
        format!(
            "{} exited with {:?}\n{}{}",
            self.program,
            self.code,
            self.text(),
            self.err
        )
    }
}

/// Runs a program; administrators' folders are searched too, since a person's `PATH` often lacks them.
#[track_caller]
pub(crate) fn tool<A: AsRef<OsStr>>(program: &str, arguments: &[A]) -> Said {
    tool_in(Path::new("."), program, arguments)
}

/// The same, in a folder.
#[track_caller]
pub(crate) fn tool_in<A: AsRef<OsStr>>(folder: &Path, program: &str, arguments: &[A]) -> Said {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("PATH", path)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("MTOOLS_SKIP_CHECK", "1")
        .output();
    let output = output.unwrap_or_else(|err| panic!("starting {program}: {err}"));
    Said::new(program, output)
}

/// Runs one request of debugfs that may write.
#[track_caller]
pub(crate) fn debugfs(file_system: &Path, request: &str) {
    let said = tool(
        "debugfs",
        &["-w", "-R", request, file_system.to_str().unwrap()],
    )
    .done();
    assert_eq!(said.err.lines().count(), 1, "{}", said.words());
}
