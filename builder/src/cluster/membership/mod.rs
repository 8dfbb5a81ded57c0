//! Changes of the list of members: whether one is possible now, and the wait for its end.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::access::Access;
use super::gather::{Scope, survey};
use super::lead;
use super::lock::OperatorLock;
use super::pause::missing;
use super::quorum::works;
use super::renew::{self, NodeRenewal, RenewalOutcome};
use super::report::{ClusterReport, MemberReport};
use crate::failure::Kind;
use crate::pki;
use crate::progress::Progress;

const INTERVAL: Duration = Duration::from_secs(1);

/// How long the others may take to agree that a member is gone.
const AGREEMENT: Duration = Duration::from_secs(30);

/// A member that leaves, as it was found before the state directory was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaver {
    /// Its name, or its address if it has never started.
    pub name: String,
    /// Its address, unless etcd itself names only a host.
    pub address: Option<IpAddr>,
    /// Its id, if etcd lists it.
    id: Option<String>,
}

impl Leaver {
    /// Returns whether this is the member, or an entry of etcd's list with which it could rejoin.
    fn is(&self, member: &MemberReport) -> bool {
        let is_same = self.id.is_some() && member.id == self.id;
        let never_started =
            member.name.is_empty() && self.address.is_some() && member.address == self.address;
        is_same || member.name == self.name || never_started
    }

    /// Returns its id as etcd's protocol has it.
    fn number(&self) -> Option<u64> {
        u64::from_str_radix(self.id.as_deref()?, 16).ok()
    }
}

/// Returns the state of the members, without a login on the nodes.
pub fn members(access: &Access, now: i64) -> Result<ClusterReport> {
    survey(access, now, Scope::Etcd)
}

impl ClusterReport {
    /// Returns a member of etcd's list by its name.
    pub fn listed(&self, name: &str) -> Option<&MemberReport> {
        let mut listed = self.members.iter().filter(|it| it.started.is_some());
        listed.find(|member| member.name == name)
    }

    /// Returns the member of etcd's list to remove by its name. A member that has never started has none there; unless it is
    /// described, its address is its name.
    pub fn leaver(&self, name: &str) -> Option<Leaver> {
        let address: Option<IpAddr> = name.parse().ok();
        let mut listed = self.members.iter().filter(|it| it.started.is_some());
        let found = listed.find(|member| {
            let is_at = address.is_some() && member.address == address;
            member.name == name || (member.name.is_empty() && is_at)
        });
        found.map(|member| Leaver {
            name: name.to_owned(),
            address: member.address,
            id: member.id.clone(),
        })
    }

    /// Returns the entry of etcd's list that keeps a removal from being complete.
    fn entry_of(&self, leaver: &Leaver) -> Option<&MemberReport> {
        let mut listed = self.members.iter().filter(|it| it.started.is_some());
        listed.find(|member| leaver.is(member))
    }

    /// Returns whether this is a voting member that works and has caught up.
    pub fn is_well(&self, name: &str) -> bool {
        self.listed(name)
            .is_some_and(|member| missing(member).is_none())
    }

    /// Checks that the cluster can admit `new` now: all its members must answer, except the one that `new` replaces.
    pub fn can_admit(&self, new: &str, replaces: Option<&str>) -> Result<()> {
        let counts = |member: &&MemberReport| {
            member.started == Some(true)
                && member.name != new
                && Some(member.name.as_str()) != replaces
        };
        let listed = || self.members.iter().filter(counts);
        let Some(silent) = listed().find(|member| !works(member)) else {
            return match listed().next() {
                Some(_) => Ok(()),
                None => Err(self.nobody_answers()),
            };
        };
        if listed().all(|member| !works(member)) {
            return Err(self.nobody_answers());
        }
        let (name, cluster) = (&silent.name, &self.cluster);
        let reason = silent.trouble.as_deref().unwrap_or("it confirms no read");
        let message = format!(
            "cluster {cluster} cannot admit {new} while {name} does not take part: {reason}"
        );
        let hint = format!(
            "bring {name} back, or replace it first with `etcd-image cluster replace {name}`"
        );
        Err(Kind::Unhealthy.error(message, hint))
    }

    /// Checks that a majority remains without this member, and that a majority can remove it now.
    pub fn can_remove(&self, name: &str) -> Result<()> {
        let listed = || self.members.iter().filter(|it| it.started.is_some());
        let remaining = listed().filter(|member| member.name != name);
        let (all, left) = (listed().count(), remaining.clone().count());
        if all == 0 {
            return Err(self.nobody_answers());
        }
        if left == 0 {
            let message = format!("{name} is the only member of cluster {}", self.cluster);
            let hint = "add a member first, or switch the node off for good";
            return Err(Kind::Refused.error(message, hint));
        }
        let working = remaining.clone().filter(|member| works(member)).count();
        let removing = working + usize::from(self.listed(name).is_some_and(works));
        if working > left / 2 && removing > all / 2 {
            return Ok(());
        }
        let silent = remaining.clone().find(|member| !works(member));
        let cause = silent.map_or(String::new(), |member| {
            let reason = member.trouble.as_deref().unwrap_or("it confirms no read");
            format!(": {} does not take part: {reason}", member.name)
        });
        let message = format!(
            "cluster {} would have no majority without {name}: {working} of the other {left} members work{cause}",
            self.cluster
        );
        let hint = "bring the members back that do not answer, then run the command again";
        Err(Kind::Refused.error(message, hint))
    }

    /// Refuses to go on if no member has returned the list of all members.
    pub fn must_be_known(&self) -> Result<()> {
        match self.is_known() {
            true => Ok(()),
            false => Err(self.nobody_answers()),
        }
    }

    fn nobody_answers(&self) -> anyhow::Error {
        let cause = self.problems.first().map(|cause| format!(": {cause}"));
        let cause = cause.unwrap_or_default();
        let message = format!("no member of cluster {} answers{cause}", self.cluster);
        Kind::Unhealthy.error(message, self.hint())
    }
}

/// Hands the current certificates of the state directory, which list all members, to every node but `except`. A cluster
/// without certificates has no such list.
pub fn hand_out(
    access: &Access,
    except: Option<&str>,
    now: i64,
    lock: &OperatorLock,
    progress: &dyn Progress,
) -> Result<Vec<NodeRenewal>> {
    if !access.uses_certificates() {
        return Ok(Vec::new());
    }
    let described = access.description.members.iter();
    let members: Vec<_> = described
        .filter(|member| Some(member.name.as_str()) != except)
        .collect();
    let names: Vec<_> = members.iter().map(|member| member.name.clone()).collect();
    let renewed = pki::renew(&access.folder, &names, now, now)?;
    let nodes = members.iter().zip(&renewed.nodes);
    let nodes = nodes.map(|(member, leaves)| {
        lock.must_be_kept()?;
        progress.note(&format!("{}: handing over the list of members", member.name));
        let done = renew::hand_to(access, member, leaves, &renewed.admin, now);
        if let (RenewalOutcome::Failed, Some(reason)) = (done.outcome, &done.trouble) {
            progress.note(&format!(
                "warning: {} keeps the previous list: {reason}; `etcd-image cluster renew` hands it over later",
                done.name
            ));
        }
        Ok(done)
    });
    nodes.collect()
}

/// Checks that the cluster can lose a member, and moves the lead away from it. The member must be described.
pub fn prepare_removal(access: &Access, name: &str, now: i64) -> Result<()> {
    let report = members(access, now)?;
    report.can_remove(name)?;
    if report.leader().is_some_and(|leader| leader.name == name) && works_elsewhere(&report, name) {
        lead::move_leader(access, None, now)?;
        members(access, now)?.can_remove(name)?;
    }
    Ok(())
}

/// Removes a member from etcd's list and waits until the others agree.
pub fn remove_member(
    access: &Access,
    leaver: &Leaver,
    lock: &OperatorLock,
    now: i64,
) -> Result<ClusterReport> {
    lock.must_be_kept()?;
    let report = members(access, now)?;
    let name = &leaver.name;
    let failure = || {
        let message = format!("removing {name} from cluster {}", report.cluster);
        Kind::Unhealthy.context(message, "run the command again, which continues")
    };
    if let Some(entry) = report.entry_of(leaver) {
        // Others may have failed while the nodes received the list without it.
        report.can_remove(name)?;
        let entry = Leaver {
            id: entry.id.clone(),
            ..leaver.clone()
        };
        let others = report.members.iter().filter(|it| !leaver.is(it));
        let address = others
            .filter(|it| works(it))
            .find_map(|member| member.address);
        let session = access
            .client
            .connect(address.with_context(failure)?)
            .with_context(failure)?;
        session
            .remove_member(entry.number().with_context(failure)?)
            .with_context(failure)?;
    }
    let started = Instant::now();
    loop {
        let report = members(access, now)?;
        if report.entry_of(leaver).is_none() && report.members.iter().any(works) {
            return Ok(report);
        }
        if started.elapsed() > AGREEMENT {
            let message = format!("{name} is still listed after {} s", AGREEMENT.as_secs());
            return Err(Kind::Unhealthy.error(message, report.hint()));
        }
        thread::sleep(INTERVAL);
    }
}

fn works_elsewhere(report: &ClusterReport, name: &str) -> bool {
    report
        .members
        .iter()
        .any(|member| member.name != name && works(member))
}

/// Waits until a node is a voting member that has caught up, at most for this time, and reports what it waits for.
pub fn wait_for(
    access: &Access,
    name: &str,
    limit: Duration,
    now: i64,
    progress: &dyn Progress,
) -> Result<ClusterReport> {
    let started = Instant::now();
    let mut said = String::new();
    loop {
        let report = members(access, now)?;
        let reason = match report.listed(name) {
            Some(member) => match missing(member) {
                None => return Ok(report),
                Some(reason) => reason,
            },
            None => match report.member(name).and_then(|it| it.trouble.clone()) {
                Some(trouble) => trouble,
                None => "it is not a member yet".to_owned(),
            },
        };
        if started.elapsed() >= limit {
            let minutes = limit.as_secs() / 60;
            let message =
                format!("{name} has not become a member within {minutes} minutes: {reason}");
            let hint =
                "run the command again, which continues; the node's console says what it waits for";
            return Err(Kind::Unhealthy.error(message, hint));
        }
        if reason != said {
            progress.note(&format!("waiting for {name}: {reason}"));
            said = reason;
        }
        thread::sleep(INTERVAL);
    }
}

#[cfg(test)]
mod tests;
