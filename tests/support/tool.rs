//! Runs other programs as a user would and captures their output.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// The output of a program and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// The name that the program was started by.
    pub(crate) program: String,
    /// The exit code, or `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// The standard output.
    pub(crate) out: Vec<u8>,
    /// The standard error.
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

    /// Returns the standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    /// Asserts that the program succeeded.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.words());
        self
    }

    /// Returns the complete output, for the reader of a failed test.
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

/// Runs a program; also searches the directories of system programs, which a user's `PATH` often lacks.
#[track_caller]
pub(crate) fn tool<A: AsRef<OsStr>>(program: &str, arguments: &[A]) -> Said {
    tool_in(Path::new("."), program, arguments)
}

/// Runs a program in a directory.
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

/// Runs one debugfs request that may write.
#[track_caller]
pub(crate) fn debugfs(file_system: &Path, request: &str) {
    let said = tool(
        "debugfs",
        &["-w", "-R", request, file_system.to_str().unwrap()],
    )
    .done();
    assert_eq!(said.err.lines().count(), 1, "{}", said.words());
}
