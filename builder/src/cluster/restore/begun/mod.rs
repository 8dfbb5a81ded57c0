//! The restore that an interrupted command has left behind, and those that have ended.

use anyhow::Result;
use sha2::{Digest as _, Sha256};

use super::super::report::ClusterReport;
use super::members::names_in;
use super::node::{NodeFacts, Restored};
use crate::description::DescribedMember;
use crate::failure::Kind;
use crate::snapshot::Snapshot;
use crate::{date, hex};

/// The number of revisions that a node skips at a time when it restores a snapshot (`BUMP` of `overlays/etcd/snapshot`).
pub(super) const RAISED_BY: u64 = 1_000_000_000;

/// Returns a vow for a new cluster, by which it differs from all others. It ends in how `often` to skip revisions, if not once.
pub(super) fn new_vow(snapshot: &Snapshot, now: i64, often: u64) -> String {
    let digest = Sha256::digest(format!("restore {} {now}", snapshot.sha256));
    let vow = hex::encode(&digest[..8]);
    match often {
        1 => vow,
        _ => format!("{vow}-{often}"),
    }
}

/// Returns how many revisions a cluster with this vow skips.
pub(super) fn raised_by(vow: &str) -> u64 {
    let often = vow
        .split_once('-')
        .and_then(|(_, often)| often.parse().ok());
    RAISED_BY.saturating_mul(often.unwrap_or(1))
}

/// Returns how often to skip revisions, so that the restored cluster goes on above all that clients have seen: one that was
/// restored before has used those above an older snapshot already. Older images always skip once.
pub(super) fn skips(report: &ClusterReport, snapshot: &Snapshot, known: &[NodeFacts]) -> u64 {
    if !known.iter().all(|facts| facts.raises_any) {
        return 1;
    }
    let seen = report.members.iter().filter_map(|it| it.revision);
    let restored = known.iter().filter_map(|facts| facts.restored.as_ref());
    // If no member answers: a snapshot from before a former restore may be the one with which that began.
    let raised = restored.map(|it| raised_by(&it.vow));
    let former = raised
        .filter(|raised| *raised > snapshot.revision)
        .map(|raised| raised.saturating_add(snapshot.revision));
    let last = seen.chain(former).max().unwrap_or_default();
    let ahead = last.saturating_sub(snapshot.revision);
    // The members may serve until they are stopped.
    ahead.saturating_add(RAISED_BY / 2) / RAISED_BY + 1
}

/// Returns the vow of an interrupted restore of the same snapshot, which this command then continues. The restore must have the
/// same members. Either a node is prepared to start it, or some nodes have started it and another has only received the snapshot.
///
/// One that some nodes have started is not continued if the snapshot is wanted `again`: what was written since would stay. One that
/// nobody has started would set such data aside, and is continued only then, or if no node has completed a restore of the snapshot.
pub(super) fn interrupted_vow(
    (snapshot, list): (&Snapshot, &str),
    known: &[NodeFacts],
    again: bool,
) -> Option<String> {
    let received = || {
        known
            .iter()
            .filter(|facts| facts.sha256.as_ref() == Some(&snapshot.sha256))
    };
    let prepared = received().filter(|facts| facts.members.as_deref() == Some(list));
    let wanted: Vec<_> = prepared.filter_map(|facts| facts.wanted.clone()).collect();
    let is_new = |vow: &&String| !known.iter().any(|facts| has_begun(facts, vow));
    let newest = newest(snapshot, known);
    let chosen = match (again, newest) {
        (true, _) | (_, None) => wanted.iter().find(is_new),
        (false, Some(_)) => wanted.iter().find(|vow| !is_new(vow)),
    };
    if again || !wanted.is_empty() {
        return chosen.cloned();
    }
    let newest = newest?;
    if newest.members.as_ref().is_some_and(|it| it != list) {
        return None;
    }
    let is_of_others = |facts: &NodeFacts| facts.members.as_ref().is_some_and(|it| it != list);
    let mut left =
        received().filter(|facts| !has_begun(facts, &newest.vow) && !is_of_others(facts));
    left.next().map(|_| newest.vow.clone())
}

/// Returns the newest restore of this snapshot that a node has completed.
fn newest<'a>(snapshot: &Snapshot, known: &'a [NodeFacts]) -> Option<&'a Restored> {
    let restored = known.iter().filter_map(|facts| facts.restored.as_ref());
    let of_this = restored.filter(|it| it.sha256 == snapshot.sha256);
    of_this.max_by_key(|it| it.time)
}

fn has_begun(facts: &NodeFacts, vow: &str) -> bool {
    facts.restored.as_ref().is_some_and(|it| it.vow == vow)
}

/// Returns whether a node has begun with another vow than this one, or is about to: that of a command that ran at the same time.
pub(super) fn is_of_another(facts: &NodeFacts, vow: &str) -> bool {
    let restored = facts.restored.as_ref().map(|it| it.vow.as_str());
    let own = facts.wanted.as_deref().or(restored);
    own.is_some_and(|own| own != vow)
}

/// Returns the nodes that are not in the new cluster yet. Nodes that are in it are not stopped: they may have been serving since
/// the interrupted command. This includes nodes that joined later, for example after losing their card.
pub(super) fn not_begun<'a>(
    vow: &str,
    members: &'a [DescribedMember],
    known: &'a [NodeFacts],
    report: &ClusterReport,
) -> Vec<(&'a DescribedMember, &'a NodeFacts)> {
    let cluster = |member: &DescribedMember| report.member(&member.name)?.cluster_id.as_ref();
    let all = || members.iter().zip(known);
    let begun = all().filter(|(_, facts)| has_begun(facts, vow));
    let new: Vec<_> = begun.filter_map(|(member, _)| cluster(member)).collect();
    let has_joined = |member| cluster(member).is_some_and(|id| new.contains(&id));
    all()
        .filter(|(member, facts)| !has_begun(facts, vow) && !has_joined(member))
        .collect()
}

/// Refuses a snapshot that this cluster was restored from before: later writes would be set aside. Nodes that an interrupted
/// command did not reach cannot start with a different member list than the others.
pub(super) fn refuse_repeated(
    cluster: &str,
    (snapshot, list): (&Snapshot, &str),
    known: &[NodeFacts],
) -> Result<()> {
    let Some(newest) = newest(snapshot, known) else {
        return Ok(());
    };
    let time = date::moment(newest.time);
    let begun = format!("cluster {cluster} has begun again with this snapshot already, at {time}");
    let again = "--again sets aside what was written since, and restores the snapshot once more";
    let is_left = |facts: &NodeFacts| {
        facts.sha256.as_ref() == Some(&snapshot.sha256) && !has_begun(facts, &newest.vow)
    };
    let all = names_in(list).zip(known);
    let left: Vec<_> = all.filter(|(_, facts)| is_left(facts)).collect();
    let left: Vec<_> = left.into_iter().map(|(name, _)| name).collect();
    let former = newest.members.as_deref().filter(|it| *it != list);
    let (message, hint) = match (former, &left[..]) {
        (Some(former), [_, ..]) => (
            format!(
                "{begun}, with the members {}, and now has {}; {} did not begin",
                names_in(former).collect::<Vec<_>>().join(", "),
                names_in(list).collect::<Vec<_>>().join(", "),
                left.join(", ")
            ),
            format!(
                "start etcd on {} with `sudo systemctl start etcd`; the console says what it waits for. {again} on all nodes",
                left.join(" and ")
            ),
        ),
        _ => (
            begun,
            format!("`etcd-image cluster status` shows its state; {again}"),
        ),
    };
    Err(Kind::Refused.error(message, hint))
}

#[cfg(test)]
mod tests;
