//! Changes which nodes are members: one guided command each, which continues where an interrupted one stopped.

use std::net::IpAddr;

use anyhow::Result;

use super::change::ChangeContext;
use crate::cli::{AddOptions, Environment, OutputMode, RemoveOptions, ReplaceOptions, WaitOptions};
use crate::cluster::{self, ClusterReport, MemberReport, NodeRenewal, RenewalOutcome, Role};
use crate::failure::Kind;
use crate::spec::{NewNode, NodeEdit};

/// Adds a member.
pub(super) fn add(options: AddOptions, environment: &Environment, mode: &OutputMode) -> Result<()> {
    let AddOptions {
        name,
        address,
        wait,
        change,
    } = options;
    NewNode::check_name(&name)?;
    let change = ChangeContext::open(change, environment, mode, "cluster add")?;
    let report = change.report()?;
    if !report.is_well(&name) {
        report.can_admit(&name, None)?;
    }
    let address = change.address(&name, address, None)?;
    change.edit(&NodeEdit::Add(NewNode {
        name: name.clone(),
        address,
    }))?;
    let image = change.build_unless_it_runs(&name)?;
    change.announce(&name)?;
    change.finish(name, None, image, wait)
}

/// Replaces a member by a new node, or its board and card by others of the same name.
pub(super) fn replace(
    options: ReplaceOptions,
    environment: &Environment,
    mode: &OutputMode,
) -> Result<()> {
    let ReplaceOptions {
        old,
        new,
        address,
        wait,
        change,
    } = options;
    new.as_deref().map_or(Ok(()), NewNode::check_name)?;
    let change = ChangeContext::open(change, environment, mode, "cluster replace")?;
    let report = change.report()?;
    report.must_be_known()?;
    match new {
        Some(new) if new != old => change.replace_by(old, (new, address), wait, &report),
        _ => change.replace_in_place(old, address, wait, &report),
    }
}

/// Removes a member.
pub(super) fn remove(
    options: RemoveOptions,
    environment: &Environment,
    mode: &OutputMode,
) -> Result<()> {
    let RemoveOptions { name, change } = options;
    let change = ChangeContext::open(change, environment, mode, "cluster remove")?;
    let (report, now) = (change.report()?, change.environment.clock);
    let leaver = report.leaver(&name);
    let address = change.access()?.described(&name).or(change.written(&name)?);
    if leaver.is_none() && address.is_none() && report.is_known() {
        if !change.access()?.was_built(&name) {
            return Err(no_member(&name, &report));
        }
        // An interrupted command may have left the others with the list that admits it.
        let handed = change.hand_out(None)?;
        cluster::must_not_list(&change.access()?, &name, &handed, report, now)?;
        let report = change.remove_joined(&name, None)?;
        return change.has_left(name, &report);
    }
    let access = change.access()?;
    match &leaver {
        Some(leaver) => {
            cluster::prepare_removal(&access.including(&leaver.name, leaver.address), &name, now)?;
        }
        None => report.can_remove(&name)?,
    }
    change.edit(&NodeEdit::Remove(name.clone()))?;
    crate::update_state(&change.job())?;
    let handed = change.hand_out(None)?;
    cluster::must_not_list(&change.access()?, &name, &handed, report, now)?;
    let report = match leaver {
        Some(leaver) => change.remove_member(change.access()?, &leaver)?,
        None => change.remove_joined(&name, address)?,
    };
    change.has_left(name, &report)
}

impl ChangeContext<'_> {
    /// Reports that a node is no longer a member: this command has removed it, or one before, whose answer may have been lost.
    fn has_left(&self, name: String, report: &ClusterReport) -> Result<()> {
        self.note(&format!(
            "{name} is no longer a member; power it off permanently. The images of the other nodes still list it: build them \
             again with `etcd-image build` before you flash one of their cards"
        ));
        self.print(&self.outcome(None, Some(name), None, report))
    }

    /// Removes a node that was not a member at first, if it has joined before the others received the list without it.
    fn remove_joined(&self, name: &str, address: Option<IpAddr>) -> Result<ClusterReport> {
        let access = self.access()?.including(name, address);
        let report = cluster::members(&access, self.environment.clock)?;
        report.must_be_known()?;
        match report.leaver(name) {
            Some(leaver) => self.remove_member(access, &leaver),
            None => Ok(report),
        }
    }

    /// Hands the list with a new node to the others, at least one of which must receive it.
    fn announce(&self, new: &str) -> Result<()> {
        let handed = self.hand_out(Some(new))?;
        let has_failed = |node: &NodeRenewal| node.outcome == RenewalOutcome::Failed;
        if !self.access()?.uses_certificates() || !handed.iter().all(has_failed) {
            return Ok(());
        }
        let reason = handed.first().and_then(|node| node.trouble.as_deref());
        let message = format!(
            "no running node has received the list with {new}: {}",
            reason.unwrap_or("there is none")
        );
        let hint = "without it, the members refuse the new node; make a login on one of them work, then run the command again";
        Err(Kind::Unhealthy.error(message, hint))
    }

    /// Puts a new node in the place of a member.
    fn replace_by(
        &self,
        old: String,
        (new, address): (String, Option<IpAddr>),
        wait: WaitOptions,
        report: &ClusterReport,
    ) -> Result<()> {
        self.must_be_new(&new, &old, report)?;
        let before = report.listed(&old);
        let leaver = report.leaver(&old);
        if before.is_none() && !report.is_well(&new) && report.is_known() {
            self.must_be_described(&old, &new, report)?;
        }
        if before.is_some() {
            report.can_spare(&old)?;
            report.can_admit(&new, Some(&old))?;
        }
        let own = before.and_then(|member| member.address);
        let address = self.address(&new, address, own)?;
        if before.is_some_and(|member| member.reachable) {
            if own == Some(address) {
                return Err(still_on(&old, &format!("{new} gets its address")));
            }
            self.note(&format!(
                "warning: {old} is running. It leaves the cluster when {new} joins; power it off then, because it would keep trying \
                 to rejoin"
            ));
        }
        let (node, replaced) = (new.clone(), old.clone());
        self.edit(&NodeEdit::Replace {
            old: replaced,
            new: NewNode {
                name: node,
                address,
            },
        })?;
        let image = self.build_unless_it_runs(&new)?;
        self.announce(&new)?;
        self.finish(new, Some((old, leaver)), image, wait)
    }

    /// Gives the name and the address of a member to another board or card.
    fn replace_in_place(
        &self,
        name: String,
        address: Option<IpAddr>,
        wait: WaitOptions,
        report: &ClusterReport,
    ) -> Result<()> {
        if address.is_some() {
            let message = format!("{name} keeps its address if no new name is given");
            let hint = "name the new node as well, as in `etcd-image cluster replace etcd2 etcd4`";
            return Err(Kind::Usage.error(message, hint));
        }
        self.access()?.must_describe(&name)?;
        // Only a board that waits, or that is a learner, can be the new one.
        let votes = |it: &MemberReport| it.reachable && it.role != Some(Role::Learner);
        if report.is_well(&name) || report.listed(&name).is_some_and(votes) {
            let message = format!("{name} is running, and another board gets its name and address");
            let hint = format!(
                "if this is the new board, nothing is left to do; otherwise switch {name} off, then run the command again"
            );
            return Err(Kind::Refused.error(message, hint));
        }
        report.can_spare(&name)?;
        report.can_admit(&name, None)?;
        let image = self.build_unless_it_runs(&name)?;
        self.finish(name, None, image, wait)
    }

    /// Refuses to replace a node by another one that the state directory describes beside it. After the first steps of an
    /// interrupted replacement, it describes only the new one.
    fn must_be_new(&self, new: &str, old: &str, report: &ClusterReport) -> Result<()> {
        let access = self.access()?;
        if access.described(new).is_none() || access.described(old).is_none() {
            return Ok(());
        }
        let message = format!("{new} is already a member of cluster {}", report.cluster);
        let hint = format!(
            "give the new node a name of its own, or run `etcd-image cluster replace {old}` for another board of the same name"
        );
        Err(Kind::Usage.error(message, hint))
    }

    /// Refuses to replace a node that the state directory describes neither under its old nor under its new name.
    fn must_be_described(&self, old: &str, new: &str, report: &ClusterReport) -> Result<()> {
        let access = self.access()?;
        if access.described(old).is_some() || access.described(new).is_some() {
            return Ok(());
        }
        Err(no_member(old, report))
    }
}

/// Refuses a name that the cluster does not have.
fn no_member(name: &str, report: &ClusterReport) -> anyhow::Error {
    let message = format!("cluster {} has no member `{name}`", report.cluster);
    let listed = report.members.iter();
    let names = listed.map(|member| match (member.name.as_str(), member.address) {
        ("", Some(address)) => format!("{address}, which has never started"),
        ("", None) => "one that has never started".to_owned(),
        (name, _) => name.to_owned(),
    });
    let names: Vec<_> = names.collect();
    let hint = format!("its members are {}", names.join(", "));
    Kind::Usage.error(message, hint)
}

fn still_on(name: &str, reason: &str) -> anyhow::Error {
    let message = format!("{name} is a working member, and {reason}");
    let hint = format!("switch {name} off, then run the command again");
    Kind::Refused.error(message, hint)
}
