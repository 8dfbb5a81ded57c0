//! Runs other programs as a user would and captures their output.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

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
    let output = command(folder, program, arguments).output();
    let output = output.unwrap_or_else(|err| panic!("starting {program}: {err}"));
    Said::new(program, output)
}

fn command<A: AsRef<OsStr>>(folder: &Path, program: &str, arguments: &[A]) -> Command {
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(folder)
        .env("PATH", path)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("MTOOLS_SKIP_CHECK", "1");
    command
}

/// A program that runs while the test acts. It is killed when the test fails before the program has ended.
#[derive(Debug)]
pub(crate) struct Running {
    program: String,
    child: Child,
    out: File,
    err: File,
}

impl Running {
    /// Starts a program in a directory.
    pub(crate) fn start_in<A: AsRef<OsStr>>(folder: &Path, program: &str, arguments: &[A]) -> Self {
        // A program that fills a pipe which nobody reads would wait forever; a file takes everything.
        let [out, err] = [(); 2].map(|()| tempfile::tempfile().unwrap());
        let child = command(folder, program, arguments)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(err.try_clone().unwrap())
            .spawn();
        Self {
            program: program.to_owned(),
            child: child.unwrap_or_else(|err| panic!("starting {program}: {err}")),
            out,
            err,
        }
    }

    /// Returns whether the program has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Returns the standard output so far.
    #[cfg(unix)]
    pub(crate) fn text(&self) -> String {
        content(&self.out)
    }

    /// Returns the standard error so far.
    #[cfg(target_os = "linux")]
    pub(crate) fn err(&self) -> String {
        content(&self.err)
    }

    /// Interrupts the program as Ctrl-C does.
    #[cfg(unix)]
    pub(crate) fn interrupt(&self) {
        use rustix::process::{Pid, Signal, kill_process};
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Kills the program.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits until the program ends.
    pub(crate) fn wait(mut self) -> Said {
        let status = self.child.wait().unwrap();
        let [stdout, stderr] = [&mut self.out, &mut self.err].map(|file| {
            let mut bytes = Vec::new();
            file.rewind().unwrap();
            file.read_to_end(&mut bytes).unwrap();
            bytes
        });
        let output = Output {
            status,
            stdout,
            stderr,
        };
        Said::new(&self.program, output)
    }
}

/// Returns what a program has written to a file so far.
#[cfg(unix)]
fn content(file: &File) -> String {
    use std::os::unix::fs::FileExt as _;
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
