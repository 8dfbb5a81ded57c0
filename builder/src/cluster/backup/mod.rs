//! Saves a snapshot of the cluster on the operator's machine or in a bucket.

mod place;
mod rotation;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use self::place::{NewSnapshot, SnapshotPlace};
use super::access::Access;
use super::gather::{Scope, survey};
use super::quorum::works;
use super::report::{ClusterReport, MemberReport, Role};
use crate::failure::Kind;
use crate::hex;
use crate::progress::Progress;
use crate::snapshot::DigestCheck;

pub use self::place::BackupTarget;

/// A saved snapshot. It lies beside the snapshot as JSON; `format` is raised when a field changes or is removed.
#[derive(Clone, Debug, Serialize)]
pub struct Backup {
    /// Version of this format.
    pub format: u32,
    /// The file of the snapshot, or its address in a bucket.
    pub file: PathBuf,
    /// Cluster name.
    pub cluster: String,
    /// The id of the cluster in hexadecimal.
    pub cluster_id: Option<String>,
    /// The time of the backup in seconds since 1970.
    pub time: i64,
    /// The member that sent the snapshot.
    pub member: String,
    /// Revision of the key space when the snapshot was requested; it contains at least this one.
    pub revision: Option<u64>,
    /// Size of the snapshot in bytes, without encryption.
    pub size: u64,
    /// SHA-256 of the snapshot without encryption, lower-case hexadecimal.
    pub sha256: String,
    /// Whether the snapshot is encrypted.
    #[serde(rename = "encrypted")]
    pub is_encrypted: bool,
    /// Every member of the cluster.
    pub members: Vec<BackupMember>,
    /// Older snapshots that were removed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<PathBuf>,
}

/// A member of a cluster when it was saved.
#[derive(Clone, Debug, Serialize)]
pub struct BackupMember {
    /// Member name.
    pub name: String,
    /// Its id in hexadecimal.
    pub id: Option<String>,
    /// etcd's version, if it answered.
    pub version: Option<String>,
}

/// Saves a snapshot at the target at `now`, in seconds since 1970.
///
/// With `keep`, only this many of the newest snapshots of this cluster stay there.
pub fn backup(
    access: &Access,
    target: &BackupTarget,
    keep: Option<NonZeroUsize>,
    now: i64,
    progress: &dyn Progress,
) -> Result<Backup> {
    let cluster = &access.description.cluster;
    let (place, name) = target.place(cluster, now)?;
    let file = place.of(&name);
    if keep.is_some() && !place.names_snapshots() {
        let message = format!(
            "--keep is for a directory of backups, and {} is a file",
            file.display()
        );
        return Err(Kind::Usage.error(message, "name a directory, or leave the file out"));
    }
    let report = survey(access, now, Scope::Etcd)?;
    let source = choose(&report)?;
    let (size, sha256) = stream(access, source, place.begin(&name)?)?;
    let mut backup = Backup {
        format: 1,
        file,
        cluster: cluster.clone(),
        cluster_id: source.cluster_id.clone(),
        time: now,
        member: source.name.clone(),
        revision: source.revision,
        size,
        sha256,
        is_encrypted: place.is_encrypted(),
        members: report.members.iter().map(BackupMember::new).collect(),
        removed: Vec::new(),
    };
    place.describe(&name, &(serde_json::to_string_pretty(&backup)? + "\n"))?;
    if let Some(keep) = keep {
        backup.removed = rotate(place, &name, (cluster, keep), progress)?;
    }
    Ok(backup)
}

/// Removes all but the newest `keep` snapshots of a cluster besides the new one. Returns what it removed.
fn rotate(
    place: SnapshotPlace<'_>,
    new: &str,
    (cluster, keep): (&str, NonZeroUsize),
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>> {
    let names = place.names()?;
    for later in rotation::later(&names, cluster, new) {
        progress.note(&format!(
            "warning: {} is named after a time in the future, and counts as newer than other snapshots",
            place.of(&later).display()
        ));
    }
    let outdated = rotation::outdated(&names, cluster, keep, new);
    let removed = outdated.iter().map(|name| {
        place.remove(name)?;
        Ok(place.of(name))
    });
    removed.collect()
}

/// Returns the member to ask: the follower that is farthest ahead, or the leader if there is no other.
fn choose(report: &ClusterReport) -> Result<&MemberReport> {
    let corrupt = |member: &MemberReport| {
        let alarm = format!("CORRUPT on {}", member.name);
        report.alarms.contains(&alarm)
    };
    let fit = report
        .members
        .iter()
        .filter(|member| works(member) && member.role != Some(Role::Learner) && !corrupt(member));
    let best = fit.max_by_key(|member| (member.role == Some(Role::Follower), member.raft_index));
    best.ok_or_else(|| {
        let message = format!(
            "cluster {} has no healthy member to save: {}",
            report.cluster,
            report.cause("no member answers")
        );
        Kind::Unhealthy.error(message, report.hint())
    })
}

/// Writes the snapshot, and gives the file its name only after its digest was checked. Returns its size and SHA-256.
fn stream(
    access: &Access,
    source: &MemberReport,
    mut file: NewSnapshot<'_>,
) -> Result<(u64, String)> {
    let context = || {
        let hint = "run the command again: nothing was left behind, and the cluster is unchanged";
        Kind::Unhealthy.context(format!("saving the snapshot of {}", source.name), hint)
    };
    let address = source.address.with_context(context)?;
    let session = access.client.connect(address).with_context(context)?;
    let (mut checked, mut whole) = (DigestCheck::default(), Sha256::new());
    let mut unwritten = None;
    let received = session.snapshot(|part| {
        checked.update(part);
        whole.update(part);
        file.write(part).map_err(|error| {
            unwritten = Some(error);
            anyhow::anyhow!("the snapshot cannot be written")
        })
    });
    if let Some(error) = unwritten {
        return Err(error);
    }
    received.with_context(context)?;
    let size = checked.finish().map_err(|what| {
        let message = format!("the snapshot of {} is damaged: {what}", source.name);
        Kind::Verification.error(
            message,
            "run the command again; if it repeats, look at this member's card",
        )
    })?;
    file.publish()?;
    Ok((size, hex::encode(&whole.finalize())))
}

impl BackupMember {
    fn new(member: &MemberReport) -> Self {
        Self {
            name: member.name.clone(),
            id: member.id.clone(),
            version: member.version.clone(),
        }
    }
}

impl fmt::Display for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, size, member) = (self.file.display(), self.size, &self.member);
        let revision = self.revision.unwrap_or_default();
        let encrypted = match self.is_encrypted {
            true => ", encrypted",
            false => "",
        };
        writeln!(
            f,
            "{file}: {size} bytes, revision {revision}, from {member}, digest checked{encrypted}"
        )?;
        self.removed
            .iter()
            .try_for_each(|old| writeln!(f, "removed {}", old.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::super::assess::assess;
    use super::*;

    fn member(name: &str, role: Role, index: u64) -> MemberReport {
        MemberReport {
            reachable: true,
            role: Some(role),
            raft_index: Some(index),
            read_milliseconds: Some(1.0),
            leader: 1,
            ..MemberReport::new(name, None)
        }
    }

    fn chosen(members: &[MemberReport]) -> Result<String> {
        choose(&assess("main", members.to_vec(), &[])).map(|member| member.name.clone())
    }

    #[test]
    fn the_follower_that_is_farthest_ahead_is_asked() {
        let leader = member("a", Role::Leader, 9);
        let (b, c) = (
            member("b", Role::Follower, 7),
            member("c", Role::Follower, 8),
        );
        assert_eq!(chosen(&[leader.clone(), b.clone(), c]).unwrap(), "c");
        let learner = member("d", Role::Learner, 9);
        assert_eq!(chosen(&[leader.clone(), learner]).unwrap(), "a");
        let corrupt = MemberReport {
            id: Some("2".to_owned()),
            errors: vec!["memberID:2 alarm:CORRUPT ".to_owned()],
            ..b
        };
        assert_eq!(chosen(&[leader, corrupt]).unwrap(), "a");
    }

    #[test]
    fn a_cluster_without_a_healthy_member_is_not_saved() {
        let silent = MemberReport {
            trouble: Some("no answer within 3 s".to_owned()),
            ..MemberReport::new("a", None)
        };
        let error = chosen(&[silent]).unwrap_err().to_string();
        let wanted =
            "cluster main has no healthy member to save: a does not answer: no answer within 3 s";
        assert_eq!(error, wanted);
    }
}
