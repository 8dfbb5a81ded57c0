//! Interrupts the program as Ctrl-C does.

use std::io::Read as _;
use std::process::Child;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// What an interrupted program says last.
pub(crate) const SAID: &str =
    "error: interrupted\nhint: run the same command again; no incomplete image was left behind\n";

/// Interrupts a program after some time, and returns its exit code and what it has said.
pub(crate) fn interrupted(mut child: Child, after: Duration) -> (Option<i32>, String) {
    sleep(after);
    // It may have ended by itself.
    let _ = kill_process(Pid::from_child(&child), Signal::INT);
    let code = child.wait().unwrap().code();
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    (code, said)
}
