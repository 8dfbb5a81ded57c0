//! Restarts nodes, one at a time and the leader last, while a majority of the cluster works.

use std::fmt;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use super::access::Access;
use super::gather::{Scope, survey};
use super::{lead, logs, order, pause};
use crate::failure::Kind;
use crate::progress::Progress;

/// How long a node may take until it answers over ssh again. The check of a large data partition takes minutes.
const BOOT: Duration = Duration::from_mins(15);

/// How long its member may take to catch up afterwards.
const CATCH_UP: Duration = Duration::from_mins(10);

const INTERVAL: Duration = Duration::from_secs(2);

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

/// Restarts the named nodes, or all of them if none is named.
pub fn reboot(
    access: &Access,
    names: &[String],
    now: i64,
    progress: &dyn Progress,
) -> Result<Reboots> {
    let mut waiting = access.named(names)?;
    let mut report = survey(access, now, Scope::Etcd)?;
    for name in &waiting {
        report.can_spare(name)?;
        // A login that fails must stop the command before the first node.
        boot_id(access, name, access.node(name)?.address)?;
    }
    let mut done = Vec::new();
    while let Some(name) = order::next(&report, &mut waiting) {
        report.can_spare(&name)?;
        lead::give_up(access, &report, &name, now)?;
        let started = Instant::now();
        progress.note(&format!("{name} restarts"));
        restart(access, &name)?;
        progress.note(&format!(
            "{name} has started; waiting until it has caught up"
        ));
        report = pause::until_caught_up(access, &name, CATCH_UP, now)?;
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
fn restart(access: &Access, name: &str) -> Result<()> {
    let address = access.node(name)?.address;
    let before = boot_id(access, name, address)?;
    access.ssh.run(address, REBOOT).map_err(|reason| {
        let hint = format!("log in as {} and look why sudo refuses", access.ssh.user);
        Kind::Unhealthy.error(format!("restarting {name}: {reason}"), hint)
    })?;
    let started = Instant::now();
    loop {
        thread::sleep(INTERVAL);
        let now = boot_id(access, name, address);
        if now.as_ref().is_ok_and(|now| *now != before) {
            return Ok(());
        }
        if started.elapsed() > BOOT {
            let state = match now {
                Ok(_) => "it runs on".to_owned(),
                Err(error) => format!("{error:#}"),
            };
            let message = format!(
                "{name} has not restarted within {} s: {state}",
                BOOT.as_secs()
            );
            let hint =
                "look at its console; the other members work, and no further node was restarted";
            return Err(Kind::Unhealthy.error(message, hint));
        }
    }
}

/// Returns the identifier of a node's current boot.
fn boot_id(access: &Access, name: &str, address: IpAddr) -> Result<String> {
    let said = access.ssh.run(address, BOOT_ID);
    let said = said.map_err(|reason| {
        Kind::Unhealthy.error(format!("logging in on {name}: {reason}"), logs::HINT)
    })?;
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
