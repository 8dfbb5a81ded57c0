//! The restore that an interrupted command has left behind, and those that have ended.

use anyhow::Result;
use sha2::{Digest as _, Sha256};

use super::super::access::Access;
use super::node::NodeFacts;
use crate::failure::Kind;
use crate::snapshot::Snapshot;
use crate::{date, hex};

/// Returns what distinguishes the new cluster from all others.
pub(super) fn vow(snapshot: &Snapshot, now: i64) -> String {
    let digest = Sha256::digest(format!("restore {} {now}", snapshot.sha256));
    hex::encode(&digest[..8])
}

/// Returns the new cluster of an interrupted restore of the same snapshot, which goes on unless it has other members: one that a
/// node would begin, or the one that the others have begun while a node has only received the snapshot.
pub(super) fn begun(
    (snapshot, list): (&Snapshot, &str),
    known: &[NodeFacts],
    again: bool,
) -> Option<String> {
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
pub(super) fn must_be_new(access: &Access, snapshot: &Snapshot, known: &[NodeFacts]) -> Result<()> {
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

#[cfg(test)]
mod tests;
