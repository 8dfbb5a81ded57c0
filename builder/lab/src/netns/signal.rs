//! Signals to all processes of a node's service, as systemd ends a control group.

use rustix::process::{Pid, Signal, kill_process};

/// Sends a signal to every process of the service: all in this PID namespace except the first and an operator's, which have
/// a separate session.
pub(super) fn everyone(signal: Signal) -> usize {
    let own = session("self").unwrap_or(0);
    let victims: Vec<Pid> = processes()
        .filter(|pid| *pid > 1 && session(&pid.to_string()) == Some(own))
        .filter_map(Pid::from_raw)
        .collect();
    for pid in &victims {
        // The process may have ended meanwhile.
        let _ = kill_process(*pid, signal);
    }
    victims.len()
}

fn processes() -> impl Iterator<Item = i32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Returns the session of a running process, or `None` for a zombie.
fn session(pid: &str) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let session = fields.nth(2)?.parse().ok()?;
    (state != "Z").then_some(session)
}
