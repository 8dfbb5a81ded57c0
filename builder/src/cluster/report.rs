//! The state of a cluster as `cluster status` reports it.

use std::net::IpAddr;

use serde::Serialize;

use crate::date;

/// The state of a cluster. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Clone, Debug, Serialize)]
pub struct ClusterReport {
    /// Version of this format.
    pub format: u32,
    /// Cluster name.
    pub cluster: String,
    /// Whether the cluster works, and whether it would survive a failure.
    pub verdict: Verdict,
    /// What keeps the cluster from being healthy.
    pub problems: Vec<String>,
    /// What will become a problem.
    pub warnings: Vec<String>,
    /// The alarms of etcd: member and kind.
    pub alarms: Vec<String>,
    /// Every member, those of the state directory first.
    pub members: Vec<MemberReport>,
}

/// Whether a cluster works, and whether all of its members do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every member works.
    Healthy,
    /// The cluster accepts writes, but something is wrong.
    Degraded,
    /// No member can confirm a read: there is no quorum, or nothing answers.
    Down,
}

/// The state of a member.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MemberReport {
    /// Member name.
    pub name: String,
    /// Address, unless etcd itself names only a host.
    pub address: Option<IpAddr>,
    /// Its id in hexadecimal, as etcdctl shows it.
    pub id: Option<String>,
    /// Whether etcd answers.
    pub reachable: bool,
    /// Whether it has joined the cluster; `None` if nobody could be asked.
    pub started: Option<bool>,
    /// Its part in the cluster.
    pub role: Option<Role>,
    /// etcd's version.
    pub version: Option<String>,
    /// Its database.
    pub database: Option<DatabaseReport>,
    /// Its Raft term, which counts elections.
    pub raft_term: Option<u64>,
    /// Its Raft index, which counts the committed log entries.
    pub raft_index: Option<u64>,
    /// Revision of its key space, which counts the changes of keys.
    pub revision: Option<u64>,
    /// Log entries that it has not applied yet, compared with the member that is farthest ahead.
    pub lag: Option<u64>,
    /// Milliseconds until it answered a linearizable read.
    pub read_milliseconds: Option<f64>,
    /// The certificate that it presents to clients.
    pub server_certificate: Option<CertificateReport>,
    /// The certificate that it presents to other members.
    pub peer_certificate: Option<CertificateReport>,
    /// Why etcd does not answer, or does not confirm a read.
    pub trouble: Option<String>,
    /// What the node reports over ssh.
    pub node: Option<NodeReport>,
    /// Why the node reports nothing over ssh.
    pub ssh_trouble: Option<String>,
    /// The id of its cluster in hexadecimal.
    pub cluster_id: Option<String>,
    /// The id of the leader that it follows; 0 for none.
    #[serde(skip)]
    pub leader: u64,
    /// The errors in its status.
    #[serde(skip)]
    pub errors: Vec<String>,
}

/// A member's part in the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Leads the others.
    Leader,
    /// Votes.
    Follower,
    /// Has no vote yet.
    Learner,
}

/// The size of a member's database.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct DatabaseReport {
    /// Bytes of the file.
    pub size: u64,
    /// Bytes in use; defragmentation frees the rest.
    pub in_use: u64,
    /// The size at which etcd stops accepting writes.
    pub quota: u64,
}

/// A certificate as a member presents it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateReport {
    /// The end of its validity in seconds since 1970.
    pub not_after: i64,
    /// Whole days until then; negative if it has expired.
    pub days_left: i64,
}

/// What a node reports over ssh. A fact that it does not know is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct NodeReport {
    /// Seconds by which its clock is ahead of this machine's.
    pub clock_offset: Option<f64>,
    /// Program and version that built its image.
    pub image: Option<String>,
    /// Fixed time of that build, in seconds since 1970.
    pub built: Option<i64>,
    /// Whether it runs an etcd that `cluster upgrade` has brought instead of its image's.
    pub upgraded: Option<bool>,
    /// Why it does not run the etcd that it has received last.
    pub failed_upgrade: Option<String>,
    /// Whether its system is read-only.
    pub read_only: Option<bool>,
    /// The share of the data's file system that is in use, from 0 to 1.
    pub data_use: Option<f64>,
    /// Temperature of the processor.
    pub celsius: Option<f64>,
    /// Whether the supply voltage is too low, on boards that measure it.
    pub undervoltage: Option<bool>,
    /// Whether somebody or a command has stopped etcd.
    pub stopped: Option<bool>,
    /// The directory of a restore with which etcd begins again when it starts next.
    pub prepared_restore: Option<String>,
}

impl CertificateReport {
    pub(super) fn new(not_after: i64, now: i64) -> Self {
        Self {
            not_after,
            days_left: date::days_left(not_after, now),
        }
    }
}

impl MemberReport {
    /// Returns a member about which only its name and address are known.
    pub(super) fn new(name: &str, address: Option<IpAddr>) -> Self {
        Self {
            name: name.to_owned(),
            address,
            ..Self::default()
        }
    }
}
