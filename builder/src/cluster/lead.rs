//! Makes another member the leader.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::access::Access;
use super::gather::{Scope, survey};
use super::quorum::works;
use super::report::{ClusterReport, MemberReport, Role};
use crate::failure::Kind;

/// How long all working members may take to follow the new leader.
const AGREEMENT: Duration = Duration::from_secs(30);
const INTERVAL: Duration = Duration::from_millis(200);

/// A change of leaders. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Clone, Debug, Serialize)]
pub struct Leadership {
    /// Version of this format.
    pub format: u32,
    /// Cluster name.
    pub cluster: String,
    /// The leader before.
    pub before: String,
    /// The leader now.
    pub leader: String,
}

/// Makes the named member the leader, or else the follower that is farthest ahead.
pub fn move_leader(access: &Access, target: Option<&str>, now: i64) -> Result<Leadership> {
    if let Some(name) = target {
        access.node(name)?;
    }
    let report = survey(access, now, Scope::Etcd)?;
    let Some(leader) = report.leader() else {
        let cause = report.cause("nobody leads");
        let message = format!("cluster {} has no leader: {cause}", report.cluster);
        return Err(Kind::Unhealthy.error(message, report.hint()));
    };
    let target = choose(&report, leader, target)?;
    if target.name != leader.name {
        hand_over(access, leader, target)?;
        agree(access, &target.name, now)?;
    }
    Ok(Leadership {
        format: 1,
        cluster: report.cluster.clone(),
        before: leader.name.clone(),
        leader: target.name.clone(),
    })
}

/// Moves the lead away from this member, if it leads, before it stops for a moment: otherwise, writes would wait for an election.
pub(super) fn step_down(
    access: &Access,
    report: &ClusterReport,
    name: &str,
    now: i64,
) -> Result<()> {
    let leads = report.leader().is_some_and(|leader| leader.name == name);
    if !leads || report.members.len() == 1 {
        return Ok(());
    }
    move_leader(access, None, now)?;
    survey(access, now, Scope::Etcd)?.can_spare(name)
}

/// Returns the member that will lead.
fn choose<'r>(
    report: &'r ClusterReport,
    leader: &MemberReport,
    target: Option<&str>,
) -> Result<&'r MemberReport> {
    let can_lead = |member: &&MemberReport| works(member) && member.role == Some(Role::Follower);
    let Some(name) = target else {
        let followers = report.members.iter().filter(can_lead);
        return followers
            .max_by_key(|member| member.raft_index)
            .ok_or_else(|| {
                let message = format!("no other member can lead instead of {}", leader.name);
                Kind::Unhealthy.error(message, report.hint())
            });
    };
    let member = report.member(name);
    let fit = member.filter(|member| member.name == leader.name || can_lead(member));
    fit.ok_or_else(|| {
        let reason = match member {
            Some(member) if member.role == Some(Role::Learner) => "it is a learner, without a vote",
            Some(member) => member.trouble.as_deref().unwrap_or("it confirms no read"),
            None => "it is not a member",
        };
        let hint = "leave the name out: the member that is farthest ahead will lead";
        Kind::Unhealthy.error(format!("{name} cannot lead: {reason}"), hint)
    })
}

fn hand_over(access: &Access, leader: &MemberReport, target: &MemberReport) -> Result<()> {
    let context = || {
        let hint = "run the command again: a cluster elects a leader by itself if it has none";
        let message = format!("moving the lead from {} to {}", leader.name, target.name);
        Kind::Unhealthy.context(message, hint)
    };
    let id = target.id.as_deref();
    let id = id.and_then(|id| u64::from_str_radix(id, 16).ok());
    let address = leader.address.with_context(context)?;
    let session = access.client.connect(address).with_context(context)?;
    session
        .move_leader(id.with_context(context)?)
        .with_context(context)
}

/// Waits until every working member follows the new leader.
fn agree(access: &Access, name: &str, now: i64) -> Result<()> {
    let started = Instant::now();
    loop {
        let report = survey(access, now, Scope::Etcd)?;
        let leaders = report.members.iter().filter(|member| works(member));
        let mut leaders = leaders.map(|member| member.leader);
        let own = report.leader().filter(|leader| leader.name == name);
        if own.is_some_and(|own| leaders.all(|leader| own.leader == leader)) {
            return Ok(());
        }
        if started.elapsed() > AGREEMENT {
            let message = format!("{name} does not lead after {} s", AGREEMENT.as_secs());
            let hint =
                "look at the cluster with `etcd-image cluster status`, then run the command again";
            return Err(Kind::Unhealthy.error(message, hint));
        }
        thread::sleep(INTERVAL);
    }
}

impl fmt::Display for Leadership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { before, leader, .. } = self;
        match before == leader {
            true => writeln!(f, "{leader} leads already"),
            false => writeln!(f, "{leader} leads instead of {before}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::assess::assess;
    use super::*;

    fn report() -> ClusterReport {
        let member = |name: &str, role: Role, index: u64| MemberReport {
            role: Some(role),
            raft_index: Some(index),
            read_milliseconds: Some(1.0),
            ..MemberReport::new(name, None)
        };
        let silent = MemberReport {
            trouble: Some("no answer within 3 s".to_owned()),
            ..MemberReport::new("e", None)
        };
        let members = vec![
            member("a", Role::Leader, 9),
            member("b", Role::Follower, 7),
            member("c", Role::Follower, 8),
            member("d", Role::Learner, 9),
            silent,
        ];
        assess("main", members, &[])
    }

    #[test]
    fn a_member_with_a_vote_leads() {
        let report = report();
        let leader = report.leader().unwrap();
        let chosen = |name: Option<&str>| {
            let chosen = choose(&report, leader, name);
            chosen
                .map(|member| member.name.clone())
                .map_err(|error| error.to_string())
        };
        assert_eq!(chosen(None).unwrap(), "c");
        assert_eq!(chosen(Some("b")).unwrap(), "b");
        assert_eq!(chosen(Some("a")).unwrap(), "a");
        assert_eq!(
            chosen(Some("d")).unwrap_err(),
            "d cannot lead: it is a learner, without a vote"
        );
        assert_eq!(
            chosen(Some("e")).unwrap_err(),
            "e cannot lead: no answer within 3 s"
        );
    }
}
