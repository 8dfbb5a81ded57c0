//! Removes the history of keys from the databases.

use std::fmt;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::access::Access;
use super::gather::{Scope, survey};
use super::quorum::works;
use super::table::bytes;
use crate::etcd::CallError;
use crate::failure::Kind;

/// etcd's words for a revision whose history was removed before.
const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";

/// A compaction. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Clone, Debug, Serialize)]
pub struct Compaction {
    /// Version of this format.
    pub format: u32,
    /// Cluster name.
    pub cluster: String,
    /// The oldest revision that is left.
    pub revision: u64,
    /// Whether no older one was left before.
    pub was_compacted: bool,
    /// The member that the sizes are of.
    pub member: String,
    /// Bytes of its database that were in use before.
    pub in_use_before: u64,
    /// Bytes of its database that are in use now. Defragmentation frees the rest.
    pub in_use_after: u64,
}

/// Removes the history of all keys except for the newest `keep` revisions.
pub fn compact(access: &Access, keep: u64, now: i64) -> Result<Compaction> {
    let report = survey(access, now, Scope::Etcd)?;
    let asked = report.leader().filter(|leader| works(leader));
    let Some((leader, address)) = asked.and_then(|leader| Some((leader, leader.address?))) else {
        let cause = report.cause("it has no leader");
        let message = format!("cluster {} cannot be compacted: {cause}", report.cluster);
        return Err(Kind::Unhealthy.error(message, report.hint()));
    };
    let context = || {
        let hint =
            "run the command again: a compaction that was interrupted is continued by etcd itself";
        Kind::Unhealthy.context(format!("compacting on {}", leader.name), hint)
    };
    let session = access.client.connect(address).with_context(context)?;
    let before = session.status().with_context(context)?;
    let revision = before.revision().saturating_sub(keep);
    let was_compacted = match revision {
        0 => true,
        revision => match session.compact(revision) {
            Err(CallError::Answer(reason)) if reason == COMPACTED => true,
            done => {
                done.with_context(context)?;
                false
            }
        },
    };
    let after = session.status().with_context(context)?;
    Ok(Compaction {
        format: 1,
        cluster: report.cluster.clone(),
        revision,
        was_compacted,
        member: leader.name.clone(),
        in_use_before: before.db_size_in_use,
        in_use_after: after.db_size_in_use,
    })
}

impl fmt::Display for Compaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (revision, member) = (self.revision, &self.member);
        if self.was_compacted {
            return writeln!(f, "no history before revision {revision} was left");
        }
        let (before, after) = (bytes(self.in_use_before), bytes(self.in_use_after));
        writeln!(
            f,
            "removed the history before revision {revision}: {member} uses {after} of its database, {before} before"
        )?;
        writeln!(
            f,
            "`etcd-image cluster defrag` gives the free space back to the disk"
        )
    }
}
