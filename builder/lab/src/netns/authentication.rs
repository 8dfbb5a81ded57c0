//! etcd's authentication is on, and members join and leave.

use std::time::Duration;

use anyhow::Result;

use super::gateway::GatewayClient;
use super::lab::{LOOK, Lab};
use super::model::Wanted;
use super::node::LabNode;
use super::scenarios::form;
use super::violation::{Invariant, violated};

/// A wiped member takes its place while its power is cut again and again and the administrator changes a password. Later,
/// it knows the newest password only.
pub(super) fn wiped(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    switched_on(lab)?;
    let patroni = GatewayClient::open(&lab.nodes[0].image)?;
    set_password(lab, "first")?;
    logs_in(lab, &patroni, 1, "first")?;
    lab.wipe(1)?;
    for round in 0..6 {
        lab.start(1)?;
        set_password(lab, &format!("round-{round}"))?;
        lab.pass_up_to(2500)?;
        lab.cut(1)?;
    }
    set_password(lab, "last")?;
    lab.start(1)?;
    lab.wait_for_members(&Wanted::everyone())?;
    for node in lab.all() {
        logs_in(lab, &patroni, node, "last")?;
        for old in ["first", "round-5"] {
            if patroni.log_in(lab.nodes[node].address(), old).is_ok() {
                let text = format!("{} takes an old password", lab.nodes[node].name());
                return violated(Invariant::Expectation, text);
            }
        }
    }
    lab.settle(&Wanted::everyone())
}

/// The power of all nodes is cut again and again while the cluster switches authentication on.
pub(super) fn cuts(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    for _ in 0..5 {
        lab.pass_up_to(2500)?;
        lab.cut_all()?;
        lab.start_all()?;
        lab.wait_for_members(&Wanted::everyone())?;
    }
    // A cut may have come after the last step and before its line.
    lab.wait(|lab| is_on(lab) == Some(true), "authentication is not on")?;
    let patroni = GatewayClient::open(&lab.nodes[0].image)?;
    set_password(lab, "first")?;
    logs_in(lab, &patroni, 2, "first")?;
    lab.settle(&Wanted::everyone())
}

/// What an administrator switches off stays off, through a reboot of all nodes and the loss of a card.
pub(super) fn switched_off(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    switched_on(lab)?;
    // Before the mark of the last step, whoever switches it off is taken for a power cut.
    lab.wait(
        |lab| lab.nodes.iter().any(has_finished),
        "no node says that authentication is on",
    )?;
    lab.type_at(0, "until etcdctl auth disable; do sleep 1; done")?;
    lab.says(0, "operator: done, exit status: 0")?;
    lab.cut_all()?;
    lab.wipe(2)?;
    lab.start_all()?;
    lab.wait_for_members(&Wanted::everyone())?;
    lab.pass(Duration::from_secs(6))?;
    if is_certainly_on(lab)? {
        let text = "authentication is on again after an administrator has switched it off";
        return violated(Invariant::Expectation, text);
    }
    lab.settle(&Wanted::everyone())
}

/// The majority is lost while authentication is on. The others take their places in the cluster that begins anew.
pub(super) fn majority(lab: &mut Lab) -> Result<()> {
    lab.allow_four_to_rejoin();
    form(lab)?;
    switched_on(lab)?;
    lab.pause_clients_in_sync()?;
    lab.wipe(0)?;
    lab.wipe(1)?;
    lab.start_all()?;
    lab.pass(Duration::from_secs(1))?;
    lab.follow_advice(0)?;
    lab.wait_for_members(&Wanted::everyone())?;
    if !is_certainly_on(lab)? {
        return violated(Invariant::Expectation, "authentication is off");
    }
    lab.settle(&Wanted::everyone())
}

/// Waits until a node has switched authentication on.
fn switched_on(lab: &Lab) -> Result<()> {
    lab.wait(
        |lab| is_on(lab) == Some(true),
        "no node switches authentication on",
    )
}

/// Returns whether this node has taken the last step.
fn has_finished(node: &LabNode) -> bool {
    let line = "etcd-node: authentication is on";
    node.said().iter().any(|said| said == line)
}

fn is_on(lab: &Lab) -> Option<bool> {
    lab.client.has_authentication(lab.nodes[0].address()).ok()
}

fn is_certainly_on(lab: &Lab) -> Result<bool> {
    lab.retry(|client| client.has_authentication(lab.nodes[0].address()))
}

/// Sets Patroni's password as an operator does, who tries again while the members elect a leader.
fn set_password(lab: &mut Lab, password: &str) -> Result<()> {
    let command = format!(
        "until echo {password} | etcdctl --dial-timeout=60s --command-timeout=60s user passwd patroni --interactive=false; \
         do sleep 1; done; echo set {password}"
    );
    lab.type_at(0, &command)?;
    lab.says(0, &format!("operator: set {password}")).map(drop)
}

/// Patroni logs in through a node and writes its key. A member may be without a leader for a moment.
fn logs_in(lab: &Lab, patroni: &GatewayClient, node: usize, password: &str) -> Result<()> {
    let address = lab.nodes[node].address();
    let name = lab.nodes[node].name();
    let mut last = String::new();
    let wrote = lab.wait(
        |_| match patroni.write(address, password, &name) {
            Ok(()) => true,
            Err(error) => {
                last = format!("{error:#}");
                false
            }
        },
        "",
    );
    match wrote {
        Err(_) if !last.is_empty() => {
            violated(Invariant::Expectation, format!("Patroni at {name}: {last}"))
        }
        other => other,
    }
}

impl Lab {
    /// Waits until a condition holds.
    fn wait(&self, mut holds: impl FnMut(&Self) -> bool, complaint: &str) -> Result<()> {
        let start = self.history.elapsed();
        while !holds(self) {
            if self.is_over(start) {
                return violated(Invariant::Expectation, complaint);
            }
            self.pass(LOOK)?;
        }
        Ok(())
    }
}
