//! Restores a snapshot onto the running nodes of a cluster, over ssh.

mod node;

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use self::node::{NodeFacts, ask, check, parse};
use super::access::Access;
use super::gather::{Scope, survey};
use super::lock::OperatorLock;
use super::pause;
use super::report::{ClusterReport, MemberReport};
use crate::description::DescribedMember;
use crate::failure::Kind;
use crate::progress::Progress;
use crate::snapshot::Snapshot;
use crate::{date, hex};

/// How long a node may take to receive a snapshot over a slow network, and to stop etcd.
const UPLOAD: Duration = Duration::from_hours(1);
const STOP: Duration = Duration::from_mins(3);

/// How long all members may take until they work.
const BEGINNING: Duration = Duration::from_mins(10);
const INTERVAL: Duration = Duration::from_secs(1);

/// By how much a node raises the revision of a snapshot (`overlays/etcd/join`).
const RAISED_BY: u64 = 1_000_000_000;

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
pub fn restore(
    access: &Access,
    (snapshot, again): (&Snapshot, bool),
    now: i64,
    lock: &OperatorLock,
    progress: &dyn Progress,
) -> Result<Restoration> {
    let members = &access.description.members;
    let report = must_be_admitted(access, now)?;
    let described: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
    must_be_described(&report, &described)?;
    let known = facts_of_all(access)?;
    let list = list(&described, &known)?;
    let begun = begun((snapshot, &list), &known, again);
    if begun.is_none() && !again {
        must_be_new(access, snapshot, &known)?;
    }
    let vow = begun.unwrap_or_else(|| vow(snapshot, now));
    // Those that have begun already run on: a majority may have been at work since an interrupted command.
    let is_left = |facts: &NodeFacts| facts.restored.as_ref().is_none_or(|it| it.vow != vow);
    let left: Vec<_> = members
        .iter()
        .zip(&known)
        .filter(|(_, it)| is_left(it))
        .collect();
    for (member, facts) in &left {
        check(&member.name, facts, snapshot)?;
    }
    let lacking = left
        .iter()
        .filter(|(_, facts)| facts.sha256.as_ref() != Some(&snapshot.sha256));
    for (member, _) in lacking {
        lock.must_be_kept()?;
        send(access, member, snapshot, progress)?;
    }
    // The members that stop take the lock with them. Nothing else changes without it: nobody can take it meanwhile.
    lock.must_be_kept()?;
    let before = survey(access, now, Scope::Etcd)?;
    let left: Vec<_> = left.into_iter().map(|(member, _)| member).collect();
    progress.note(match left.len() == members.len() {
        true => "stopping all members",
        false => "stopping the members that have not begun again yet",
    });
    let started = Instant::now();
    let is_prepared = known.iter().any(|facts| facts.wanted.is_some());
    stop(access, &left, is_prepared)?;
    all(each(access, &left, &format!("want {vow} {list}")))?;
    all(each(access, &left, "start"))?;
    progress.note("waiting until all members work");
    wait(access, now)?;
    check_begun(&before, &survey(access, now, Scope::Etcd)?, snapshot)?;
    Ok(Restoration {
        format: 1,
        cluster: access.description.cluster.clone(),
        sha256: snapshot.sha256.clone(),
        revision: snapshot.revision,
        nodes: members.iter().map(|member| member.name.clone()).collect(),
        pause: started.elapsed().as_secs_f64(),
    })
}

fn send(
    access: &Access,
    member: &DescribedMember,
    snapshot: &Snapshot,
    progress: &dyn Progress,
) -> Result<()> {
    progress.note(&format!("{} receives the snapshot", member.name));
    let words = format!("take {}", snapshot.sha256);
    ask(access, member, &words, snapshot.bytes.reveal(), UPLOAD).map(drop)
}

/// Refuses to begin if one side rejects the other's certificate: nobody would notice whether the members work again.
fn must_be_admitted(access: &Access, now: i64) -> Result<ClusterReport> {
    let report = survey(access, now, Scope::Etcd)?;
    let mut troubles = report.members.iter().filter_map(|it| it.trouble.as_ref());
    match troubles.any(|trouble| trouble.starts_with("TLS: ")) {
        true => report.verdict().map(|()| report),
        false => Ok(report),
    }
}

/// Refuses to begin if members that would not be stopped could go on as a majority of the cluster as it is. If no member
/// answers, there is no list of them, and the restore may begin.
fn must_be_described(report: &ClusterReport, described: &[&str]) -> Result<()> {
    let started = report.members.iter().filter(|it| it.started == Some(true));
    let started: Vec<_> = started.map(|member| member.name.as_str()).collect();
    let others: Vec<_> = started
        .iter()
        .copied()
        .filter(|name| !described.contains(name))
        .collect();
    if others.len() * 2 < started.len().max(1) {
        return Ok(());
    }
    let message = format!(
        "the state directory does not describe {}, which would go on as another cluster {}",
        others.join(", "),
        report.cluster
    );
    let hint = "name the newest state directory with --state; nothing was changed. If those members are gone for good, stop etcd on \
                the others (`sudo systemctl stop etcd`), then run the command again";
    Err(Kind::Refused.error(message, hint))
}

/// Refuses a snapshot of other members.
pub fn check_origin(access: &Access, snapshot: &Snapshot) -> Result<()> {
    let members = access.description.members.iter();
    let mut own: Vec<_> = members.map(|member| member.name.clone()).collect();
    own.sort_unstable();
    if own == snapshot.members {
        return Ok(());
    }
    let message = format!(
        "the snapshot is of a cluster with the members {}, and cluster {} has {}",
        snapshot.members.join(", "),
        access.description.cluster,
        own.join(", ")
    );
    let hint = "name a snapshot of this cluster, or add --from-other-members if these are the keys that you want";
    Err(Kind::Usage.error(message, hint))
}

/// Returns the list of members with which all nodes begin: those of the state directory. The images of nodes that were built
/// before others were replaced list other members.
fn list(described: &[&str], known: &[NodeFacts]) -> Result<String> {
    let mut urls = Vec::new();
    for (name, facts) in described.iter().zip(known) {
        let Some(url) = &facts.url else {
            let message = format!(
                "{name} cannot restore the snapshot: its image is too old to begin with the current list of members"
            );
            let hint = "build its image again and flash it, or flash all nodes with images of `etcd-image build --restore` and \
                        --wipe-data; nothing was changed";
            return Err(Kind::Unhealthy.error(message, hint));
        };
        urls.push(url.as_str());
    }
    Ok(urls.join(","))
}

/// Returns what distinguishes the new cluster from all others.
fn vow(snapshot: &Snapshot, now: i64) -> String {
    let digest = Sha256::digest(format!("restore {} {now}", snapshot.sha256));
    hex::encode(&digest[..8])
}

/// Returns the new cluster of an interrupted restore of the same snapshot, which goes on unless it has other members: one that a
/// node would begin, or the one that the others have begun while a node has only received the snapshot.
fn begun((snapshot, list): (&Snapshot, &str), known: &[NodeFacts], again: bool) -> Option<String> {
    let received = || {
        known
            .iter()
            .filter(|facts| facts.sha256.as_ref() == Some(&snapshot.sha256))
    };
    let wanted = received()
        .filter(|facts| facts.members.as_deref() == Some(list))
        .find_map(|facts| facts.wanted.clone());
    if wanted.is_some() || again {
        return wanted;
    }
    let restored = known.iter().filter_map(|facts| facts.restored.as_ref());
    let of_this = restored.filter(|it| it.sha256 == snapshot.sha256);
    let vow = &of_this.max_by_key(|it| it.time)?.vow;
    let is_left = |facts: &NodeFacts| facts.restored.as_ref().is_none_or(|it| it.vow != *vow);
    let is_of_others = |facts: &NodeFacts| facts.members.as_ref().is_some_and(|it| it != list);
    let mut left = received().filter(|facts| is_left(facts) && !is_of_others(facts));
    left.next().map(|_| vow.clone())
}

/// Refuses a snapshot with which the cluster has begun before: what was written since would be set aside.
fn must_be_new(access: &Access, snapshot: &Snapshot, known: &[NodeFacts]) -> Result<()> {
    let restored = known.iter().filter_map(|facts| facts.restored.as_ref());
    let same = restored.filter(|restored| restored.sha256 == snapshot.sha256);
    let Some(time) = same.map(|restored| restored.time).max() else {
        return Ok(());
    };
    let (cluster, time) = (&access.description.cluster, date::moment(time));
    let message =
        format!("cluster {cluster} has begun again with this snapshot already, at {time}");
    let hint = "`etcd-image cluster status` shows its state; --again sets aside what was written since, and restores the \
                snapshot once more";
    Err(Kind::Refused.error(message, hint))
}

/// Returns the facts of all nodes, each of which must answer.
fn facts_of_all(access: &Access) -> Result<Vec<NodeFacts>> {
    let members: Vec<_> = access.description.members.iter().collect();
    let answers = each(access, &members, "facts").into_iter();
    let (known, errors): (Vec<_>, Vec<_>) = answers
        .map(|answer| answer.map(|lines| parse(&lines)))
        .partition(Result::is_ok);
    let known: Vec<NodeFacts> = known.into_iter().flatten().collect();
    match errors.into_iter().next() {
        None => Ok(known),
        Some(Err(error)) if known.iter().any(|facts| facts.wanted.is_some()) => {
            let hint = "an interrupted restore is not complete: make the node answer, then run the command again, which \
                        continues; until then, etcd may be stopped";
            Err(Kind::Unhealthy.error(error.to_string(), hint))
        }
        Some(error) => error.map(|_| known),
    }
}

/// Stops etcd on all nodes. If this fails on one, nothing is restored and the others start again, unless an interrupted
/// command has prepared some of them: those would begin the new cluster when they start.
fn stop(access: &Access, members: &[&DescribedMember], is_prepared: bool) -> Result<()> {
    let Err(error) = all(each(access, members, "stop")) else {
        return Ok(());
    };
    if is_prepared {
        return Err(error);
    }
    let started = each(access, members, "start");
    let left: Vec<_> = members
        .iter()
        .zip(&started)
        .filter(|(_, started)| started.is_err())
        .map(|(member, _)| member.name.as_str())
        .collect();
    let hint = match left.is_empty() {
        true => "nothing was changed, and etcd was started again on all nodes; run the command again once the node answers".to_owned(),
        false => format!(
            "nothing was changed, and etcd was started again where it was stopped, but not on {}: run the command again once the \
             node answers, or start it there with `sudo systemctl start etcd`",
            left.join(", ")
        ),
    };
    Err(Kind::Unhealthy.error(error.to_string(), hint))
}

/// Returns the first failure.
fn all(outcomes: Vec<Result<Vec<String>>>) -> Result<()> {
    let mut outcomes = outcomes.into_iter();
    outcomes.try_for_each(|outcome| outcome.map(drop))
}

/// Does the same on these nodes at once.
fn each(access: &Access, members: &[&DescribedMember], words: &str) -> Vec<Result<Vec<String>>> {
    let ended = || Err(anyhow::anyhow!("a thread of this program has ended"));
    thread::scope(|threads| {
        let started: Vec<_> = members
            .iter()
            .map(|member| threads.spawn(|| ask(access, member, words, &[], STOP)))
            .collect();
        started
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| ended()))
            .collect()
    })
}

/// Refuses to report success unless each member shows that it has begun again: by the id of another cluster than before, or
/// by a revision that the snapshot has only after a restore.
fn check_begun(before: &ClusterReport, after: &ClusterReport, snapshot: &Snapshot) -> Result<()> {
    let former: Vec<_> = before
        .members
        .iter()
        .filter_map(|it| it.cluster_id.as_ref())
        .collect();
    let raised = snapshot.revision.saturating_add(RAISED_BY);
    let has_begun = |member: &MemberReport| {
        let id = member.cluster_id.as_ref().filter(|_| !former.is_empty());
        id.is_some_and(|id| !former.contains(&id))
            || member.revision.is_some_and(|revision| revision >= raised)
    };
    let Some(member) = after.members.iter().find(|member| !has_begun(member)) else {
        return Ok(());
    };
    let message = format!(
        "{} has not begun again with the snapshot: its cluster and its revision are those before",
        member.name
    );
    let hint = format!(
        "`etcd-image cluster logs {}` shows why, then run the command again",
        member.name
    );
    Err(Kind::Unhealthy.error(message, hint))
}

/// Waits until every member works.
fn wait(access: &Access, now: i64) -> Result<()> {
    let started = Instant::now();
    for member in &access.description.members {
        // Nobody answers at first.
        while survey(access, now, Scope::Etcd).is_err() && started.elapsed() < BEGINNING {
            thread::sleep(INTERVAL);
        }
        let left = BEGINNING.saturating_sub(started.elapsed());
        pause::until_caught_up(access, &member.name, left, now)?;
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
