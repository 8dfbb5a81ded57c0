//! The removal of a member from etcd's list.

use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::super::access::Access;
use super::super::lead;
use super::super::operation::Operation;
use super::super::quorum::works;
use super::super::report::{ClusterReport, MemberReport};
use super::{INTERVAL, members};
use crate::etcd::CallError;
use crate::failure::Kind;

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

impl ClusterReport {
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

    /// Checks that a majority remains without this member, and that a majority can remove it now. Learners are part of neither.
    pub fn can_remove(&self, name: &str) -> Result<()> {
        let remaining = self.voters().filter(|member| member.name != name);
        let (all, left) = (self.voters().count(), remaining.clone().count());
        if all == 0 {
            return Err(self.nobody_answers());
        }
        if left == 0 {
            let message = format!(
                "{name} is the only voting member of cluster {}",
                self.cluster
            );
            let hint = "add a member first, or switch the node off for good";
            return Err(Kind::Refused.error(message, hint));
        }
        let working = remaining.clone().filter(|member| works(member)).count();
        let removing = self.voters().filter(|member| works(member)).count();
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
        Err(Kind::Unhealthy.error(message, hint))
    }
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
pub fn remove_member(operation: &Operation<'_>, leaver: &Leaver) -> Result<ClusterReport> {
    operation.lock.must_be_kept()?;
    let report = operation.survey()?;
    let name = &leaver.name;
    let failure = || {
        let message = format!("removing {name} from cluster {}", report.cluster);
        Kind::Unhealthy.context(message, "run the command again, which continues")
    };
    let mut asked = Ok(());
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
        let session = operation
            .access
            .client
            .connect(address.with_context(failure)?)
            .with_context(failure)?;
        asked = session.remove_member(entry.number().with_context(failure)?);
    }
    let started = Instant::now();
    loop {
        let report = operation.survey()?;
        if is_settled(&report, leaver) {
            return Ok(report);
        }
        let is_over = started.elapsed() > AGREEMENT;
        match &asked {
            Err(trouble) if is_over || !may_be_done(trouble) => {
                return Err(trouble.clone()).with_context(failure);
            }
            Ok(()) if is_over => {
                let message = format!("{name} is still listed after {} s", AGREEMENT.as_secs());
                return Err(Kind::Unhealthy.error(message, report.hint()));
            }
            _ => thread::sleep(INTERVAL),
        }
    }
}

/// Returns whether a removal is complete: nobody lists the member any more, whoever has removed it.
fn is_settled(report: &ClusterReport, leaver: &Leaver) -> bool {
    report.entry_of(leaver).is_none() && report.members.iter().any(works)
}

/// Returns whether etcd may have removed the member, or may still do so, despite the error: its answer was lost, or it stopped
/// waiting for the other members. The member list then shows the result.
fn may_be_done(trouble: &CallError) -> bool {
    match trouble {
        CallError::Silent(_) => true,
        CallError::Tls(_) => false,
        CallError::Answer(reason) => ["member not found", "request timed out"]
            .iter()
            .any(|words| reason.contains(words)),
    }
}

fn works_elsewhere(report: &ClusterReport, name: &str) -> bool {
    report
        .members
        .iter()
        .any(|member| member.name != name && works(member))
}

#[cfg(test)]
mod tests;
