//! Restarts nodes, one at a time and the leader last, while a majority of the cluster works.

use std::fmt;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use super::access::Access;
use super::operation::Operation;
use super::ssh_reason::no_login;
use super::{catch_up, order, ssh_reason};
use crate::failure::{Kind, explain};
use crate::progress::Progress;

/// The time between two looks at a node that restarts, and between two reports that it is still missing.
const INTERVAL: Duration = Duration::from_secs(2);
const REPORT: Duration = Duration::from_mins(1);

/// Prints the identifier of the current boot.
const BOOT_ID: &str = "cat /proc/sys/kernel/random/boot_id";

/// Restarts the node after this login has ended, so that its end reports whether the user may do so.
const REBOOT: &str = "sudo -n true && { sudo -n sh -c 'sleep 1; exec systemctl reboot' >/dev/null 2>&1 </dev/null & }";

/// The nodes that were restarted. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Clone, Debug, Serialize)]
pub struct Reboots {
    /// Version of this format.
    pub format: u32,
    /// Cluster name.
    pub cluster: String,
    /// The nodes in the order in which they were restarted.
    pub nodes: Vec<RebootedNode>,
}

/// A node that was restarted.
#[derive(Clone, Debug, Serialize)]
pub struct RebootedNode {
    /// Node name.
    pub name: String,
    /// Seconds until its member had caught up again.
    pub seconds: f64,
}

/// Restarts the named nodes, or all of them if none is named. Each has this long until it answers over ssh, and again until its
/// member has caught up.
pub fn reboot(operation: &Operation<'_>, names: &[String], wait: Duration) -> Result<Reboots> {
    let Operation { access, now, .. } = *operation;
    let mut waiting = access.named(names)?;
    let mut report = operation.survey()?;
    for name in &waiting {
        report.can_spare(name)?;
        // A login that fails must stop the command before the first node.
        let address = access.node(name)?.address;
        boot_id(access, address).map_err(|reason| no_login(name, &reason))?;
    }
    let mut done = Vec::new();
    while let Some(name) = order::next(&report, &mut waiting) {
        operation.lock.must_be_kept()?;
        // Another member may have failed since the logins, which take their time.
        catch_up::before_restart(access, &name, now)?;
        let started = Instant::now();
        let limit = minutes(wait);
        let progress = operation.progress;
        progress.note(&format!("{name} restarts; waiting for it at most {limit}"));
        restart(access, &name, wait, progress)?;
        progress.note(&format!(
            "{name} has started; waiting until it has caught up"
        ));
        report = catch_up::wait(access, &name, wait, now).map_err(|error| left(&error))?;
        done.push(RebootedNode {
            name,
            seconds: started.elapsed().as_secs_f64(),
        });
    }
    Ok(Reboots {
        format: 1,
        cluster: report.cluster,
        nodes: done,
    })
}

/// Restarts a node and waits until it answers over ssh again.
fn restart(access: &Access, name: &str, wait: Duration, progress: &dyn Progress) -> Result<()> {
    let address = access.node(name)?.address;
    let before = boot_id(access, address).map_err(|reason| no_login(name, &reason))?;
    let asked = access.ssh.run(address, REBOOT);
    asked.map_err(|reason| unasked(name, &reason))?;
    let (started, mut reported) = (Instant::now(), Duration::ZERO);
    loop {
        thread::sleep(INTERVAL);
        let now = boot_id(access, address);
        if now.as_ref().is_ok_and(|now| *now != before) {
            return Ok(());
        }
        let elapsed = started.elapsed();
        if elapsed > wait {
            return Err(missing(name, wait, now));
        }
        if elapsed > reported + REPORT {
            reported = elapsed;
            let state = now.err().unwrap_or_else(|| RUNS_ON.to_owned());
            progress.note(&format!("still waiting for {name}: {state}"));
        }
    }
}

/// Returns the failure of a node that has not confirmed that it restarts.
fn unasked(name: &str, reason: &str) -> anyhow::Error {
    let message = format!("restarting {name}: {reason}");
    let hint = format!(
        "{}; no further node was restarted",
        ssh_reason::hint(reason)
    );
    Kind::Unhealthy.error(message, hint)
}

/// Returns the failure of a node that has not restarted in time: it does not answer, or it runs on.
fn missing(name: &str, wait: Duration, now: Result<String, String>) -> anyhow::Error {
    let (state, step) = match now {
        Ok(_) => (
            RUNS_ON.to_owned(),
            format!("look at its messages with `etcd-image cluster logs {name} --everything`"),
        ),
        Err(reason) => (
            reason,
            "switch its power off and on, and look at its console".to_owned(),
        ),
    };
    let limit = minutes(wait);
    let message = format!("{name} has not restarted within {limit}: {state}");
    left(&Kind::Unhealthy.error(message, step))
}

/// Adds to a failure that no further node was restarted.
fn left(error: &anyhow::Error) -> anyhow::Error {
    let (kind, step) = explain(error);
    let hint = format!("{step}; no further node was restarted, and --wait gives a node more time");
    kind.error(error.to_string(), hint)
}

fn minutes(time: Duration) -> String {
    match time.as_secs() / 60 {
        1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

const RUNS_ON: &str = "it runs on as before";

/// Returns the identifier of a node's current boot.
fn boot_id(access: &Access, address: IpAddr) -> Result<String, String> {
    let said = access.ssh.run(address, BOOT_ID)?;
    Ok(said.lines.join(""))
}

impl fmt::Display for Reboots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.nodes.iter().try_for_each(|node| {
            let (name, seconds) = (&node.name, node.seconds);
            writeln!(f, "{name}: restarted and caught up in {seconds:.0} s")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_stays_off_is_named_with_the_next_step() {
        let wait = Duration::from_mins(5);
        let off = "ssh: connect to host 192.168.0.51 port 22: No route to host";
        for (now, message, hint) in [
            (
                Err(off.to_owned()),
                "etcd2 has not restarted within 5 minutes: ssh: connect to host 192.168.0.51 port 22: No route to host",
                "switch its power off and on, and look at its console; no further node was restarted, and --wait gives a node \
                 more time",
            ),
            (
                Ok("boot".to_owned()),
                "etcd2 has not restarted within 5 minutes: it runs on as before",
                "look at its messages with `etcd-image cluster logs etcd2 --everything`; no further node was restarted, and \
                 --wait gives a node more time",
            ),
        ] {
            let error = missing("etcd2", wait, now);
            assert_eq!(error.to_string(), message);
            assert_eq!(explain(&error), (Kind::Unhealthy, hint.to_owned()));
        }
        assert_eq!(minutes(Duration::from_mins(1)), "1 minute");
    }

    #[test]
    fn the_step_after_a_restart_that_was_not_confirmed_fits_the_reason() {
        for (reason, step) in [
            (
                "Connection to 192.168.0.51 closed by remote host.",
                "check its power and network",
            ),
            (
                "sudo: a password is required",
                "make sudo work without a password for the login user of the node",
            ),
        ] {
            let error = unasked("etcd2", reason);
            assert_eq!(error.to_string(), format!("restarting etcd2: {reason}"));
            let hint = format!("{step}; no further node was restarted");
            assert_eq!(explain(&error), (Kind::Unhealthy, hint));
        }
    }
}
