//! Restores a snapshot onto the running nodes of a cluster, over ssh.

mod begun;
mod members;
mod node;
mod steps;

use std::fmt;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use self::begun::{interrupted_vow, new_vow, not_begun, raised_by, refuse_repeated, skips};
use self::members::{member_list, must_be_described, must_describe_what_nodes_know};
use self::node::{ask, check};
use self::steps::{facts_of_all, first_failure, must_be_ours, on_each, stop};
use super::access::Access;
use super::catch_up;
use super::operation::Operation;
use super::report::{ClusterReport, MemberReport};
use crate::description::{ClusterDescription, DescribedMember};
use crate::failure::Kind;
use crate::snapshot::Snapshot;

/// How long a step may take on the nodes, besides the time for the snapshot.
const BEGINNING: Duration = Duration::from_mins(10);
/// The bytes of a snapshot that a node with a slow card checks, restores and writes back in a second, at least.
const SLOW_CARD: u64 = 2 << 20;
const INTERVAL: Duration = Duration::from_secs(1);

/// A restored cluster. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Clone, Debug, Serialize)]
pub struct Restoration {
    /// Version of this format.
    pub format: u32,
    /// Cluster name.
    pub cluster: String,
    /// SHA-256 of the snapshot, lower-case hexadecimal.
    pub sha256: String,
    /// The last revision in the snapshot. The cluster goes on at a higher one.
    pub revision: u64,
    /// The nodes that began with the snapshot.
    pub nodes: Vec<String>,
    /// Seconds for which the cluster did not work.
    pub pause: f64,
}

/// Stops all members, sets their data aside, and begins again with the snapshot. Nothing changes unless every node is ready.
/// A snapshot that the cluster has begun with before is refused unless it is wanted `again`.
pub fn restore(operation: &Operation<'_>, snapshot: &Snapshot, again: bool) -> Result<Restoration> {
    let Operation { access, now, .. } = *operation;
    let members = &access.description.members;
    let report = must_be_admitted(operation)?;
    let described: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
    must_be_described(&report, &described)?;
    let known = facts_of_all(access)?;
    must_describe_what_nodes_know(&report, &described, &known)?;
    let list = member_list(&described, &known)?;
    let interrupted = interrupted_vow((snapshot, &list), &known, again);
    if interrupted.is_none() && !again {
        refuse_repeated(&report.cluster, (snapshot, &list), &known)?;
    }
    let vow =
        interrupted.unwrap_or_else(|| new_vow(snapshot, now, skips(&report, snapshot, &known)));
    let first = snapshot.revision.saturating_add(raised_by(&vow));
    let waiting = not_begun(&vow, members, &known, &report);
    for (member, facts) in &waiting {
        check(&member.name, facts, snapshot, &vow)?;
    }
    let lacking = waiting
        .iter()
        .filter(|(_, facts)| facts.sha256.as_ref() != Some(&snapshot.sha256));
    for (member, _) in lacking {
        operation.lock.must_be_kept()?;
        send(operation, member, snapshot)?;
    }
    // The members that stop take the lock with them. Nothing else changes without it: nobody can take it meanwhile.
    operation.lock.must_be_kept()?;
    let before = operation.survey()?;
    let waiting: Vec<_> = waiting.into_iter().map(|(member, _)| member).collect();
    if let Some(warning) = repeated_revisions(&before, &waiting, first) {
        operation.progress.note(&warning);
    }
    operation
        .progress
        .note(match waiting.len() == members.len() {
            true => "stopping all members",
            false => "stopping the members that have not begun again yet",
        });
    let started = Instant::now();
    let is_prepared = known.iter().any(|facts| facts.wanted.is_some());
    stop(access, &waiting, is_prepared)?;
    let words = format!("want {vow} {list} {}", snapshot.sha256);
    first_failure(on_each(access, &waiting, &words))?;
    // Those that have begun run, unless another command was killed after it had stopped them.
    let all: Vec<_> = members.iter().collect();
    first_failure(on_each(access, &all, "start"))?;
    operation.progress.note("waiting until all members work");
    wait(operation, time_limit(snapshot.bytes.reveal().len()))?;
    check_begun(&before, &operation.survey()?, first)?;
    must_be_ours(access, &waiting, &vow)?;
    Ok(Restoration {
        format: 1,
        cluster: access.description.cluster.clone(),
        sha256: snapshot.sha256.clone(),
        revision: snapshot.revision,
        nodes: members.iter().map(|member| member.name.clone()).collect(),
        pause: started.elapsed().as_secs_f64(),
    })
}

fn send(operation: &Operation<'_>, member: &DescribedMember, snapshot: &Snapshot) -> Result<()> {
    let note = format!("{} receives the snapshot", member.name);
    operation.progress.note(&note);
    let words = format!("take {}", snapshot.sha256);
    let bytes = snapshot.bytes.reveal();
    let limit = time_limit(bytes.len());
    ask(operation.access, member, &words, bytes, limit).map(drop)
}

/// Refuses to begin if one side rejects the other's certificate: nobody would notice whether the members work again.
fn must_be_admitted(operation: &Operation<'_>) -> Result<ClusterReport> {
    let report = operation.survey()?;
    let mut troubles = report.members.iter().filter_map(|it| it.trouble.as_ref());
    match troubles.any(|trouble| trouble.starts_with("TLS: ")) {
        true => report.verdict().map(|()| report),
        false => Ok(report),
    }
}

/// Refuses a snapshot of other members.
pub fn check_origin(access: &Access, snapshot: &Snapshot) -> Result<()> {
    must_be_of(&access.description, snapshot)
}

/// Refuses a snapshot of a cluster with other names, or with the same names, as most clusters have, at other addresses.
fn must_be_of(cluster: &ClusterDescription, snapshot: &Snapshot) -> Result<()> {
    let mut own: Vec<_> = cluster.members.iter().map(|it| it.name.clone()).collect();
    own.sort_unstable();
    let is_own = |address: &IpAddr| cluster.members.iter().any(|it| it.address == *address);
    let (found, own) = if own != snapshot.members {
        (snapshot.members.clone(), own)
    } else if !snapshot.addresses.is_empty() && !snapshot.addresses.iter().any(is_own) {
        let own = cluster.members.iter().map(|it| it.address.to_string());
        let found = snapshot.addresses.iter().map(IpAddr::to_string);
        (found.collect(), own.collect())
    } else {
        return Ok(());
    };
    let message = format!(
        "the snapshot is of a cluster with the members {}, and cluster {} has {}",
        found.join(", "),
        cluster.cluster,
        own.join(", ")
    );
    let hint = "name a snapshot of this cluster, or add `--from-other-members` if these are the keys that you want";
    Err(Kind::Usage.error(message, hint))
}

/// Warns if clients may have seen revisions that the restored cluster uses again: those that are about to stop were restored before,
/// after the snapshot was made, and their images always skip as many revisions. The restored cluster goes on from the `first` one. A
/// watch that goes on behind these revisions misses changes, and etcd reports no error.
fn repeated_revisions(
    before: &ClusterReport,
    waiting: &[&DescribedMember],
    first: u64,
) -> Option<String> {
    let members = waiting.iter();
    let revisions = members.filter_map(|member| before.member(&member.name)?.revision);
    let last = revisions.max()?;
    (last > first).then(|| {
        format!(
            "warning: clients may have seen revisions up to {last}, and the restored cluster goes on from {first}: restart those that \
             watch keys, which would miss changes"
        )
    })
}

/// Refuses to report success unless each member shows that it has begun again: by the id of another cluster than before, or
/// by a revision from the `first` one of the restored cluster on.
fn check_begun(before: &ClusterReport, after: &ClusterReport, first: u64) -> Result<()> {
    let former: Vec<_> = before
        .members
        .iter()
        .filter_map(|it| it.cluster_id.as_ref())
        .collect();
    let has_begun = |member: &MemberReport| {
        let id = member.cluster_id.as_ref().filter(|_| !former.is_empty());
        id.is_some_and(|id| !former.contains(&id))
            || member.revision.is_some_and(|revision| revision >= first)
    };
    let Some(member) = after.members.iter().find(|member| !has_begun(member)) else {
        return Ok(());
    };
    let message = format!(
        "{} has not begun again with the snapshot: its cluster and its revision are those before",
        member.name
    );
    let hint = format!(
        "`etcd-image cluster logs {}` shows why, then run the command again; `etcd-image cluster status` shows how to give a \
         restore up that is still prepared",
        member.name
    );
    Err(Kind::Unhealthy.error(message, hint))
}

/// Returns how long all members may take to begin with a snapshot of this many bytes, and a node to keep it once it has arrived. A
/// command that ends earlier and is run again would stop those that are about to begin.
fn time_limit(bytes: usize) -> Duration {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    BEGINNING + Duration::from_secs(bytes / SLOW_CARD)
}

/// Waits until every member works, at most for this time.
fn wait(operation: &Operation<'_>, limit: Duration) -> Result<()> {
    let Operation { access, now, .. } = *operation;
    let started = Instant::now();
    for member in &access.description.members {
        // At first, no member answers.
        while operation.survey().is_err() && started.elapsed() < limit {
            thread::sleep(INTERVAL);
        }
        let left = limit.saturating_sub(started.elapsed());
        catch_up::wait(access, &member.name, left, now)?;
    }
    Ok(())
}

impl fmt::Display for Restoration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cluster, revision, pause) = (&self.cluster, self.revision, self.pause);
        let nodes = self.nodes.join(", ");
        writeln!(
            f,
            "cluster {cluster}: {nodes} began again with revision {revision}, after a pause of {pause:.0} s"
        )?;
        writeln!(
            f,
            "their data before is kept in aside/ beside the data of each node"
        )
    }
}

#[cfg(test)]
mod tests;
