//! The messages of etcd's gRPC API that this program uses.
//!
//! The numbers are those of [`rpc.proto`](https://github.com/etcd-io/etcd/blob/main/api/etcdserverpb/rpc.proto); fields that
//! are not listed here are ignored. etcd's `int64` fields that are never negative are read as `uint64`, which has the same
//! encoding. Written by hand, they need no protobuf compiler on the machine that builds this program.

use prost::Message;

/// The header of every answer.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct ResponseHeader {
    /// The id of the cluster.
    #[prost(uint64, tag = "1")]
    pub cluster_id: u64,
    /// The id of the member that answers.
    #[prost(uint64, tag = "2")]
    pub member_id: u64,
    /// The revision of the key space.
    #[prost(uint64, tag = "3")]
    pub revision: u64,
}

/// A member of the cluster.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Member {
    /// Its id in the cluster.
    #[prost(uint64, tag = "1")]
    pub id: u64,
    /// Its name; empty until it has started once.
    #[prost(string, tag = "2")]
    pub name: String,
    /// URLs for the other members.
    #[prost(string, repeated, tag = "3")]
    pub peer_urls: Vec<String>,
    /// URLs for clients; empty until it has started once.
    #[prost(string, repeated, tag = "4")]
    pub client_urls: Vec<String>,
    /// Whether it is a learner, which has no vote.
    #[prost(bool, tag = "5")]
    pub is_learner: bool,
}

impl Member {
    /// Returns whether it has joined the cluster.
    pub fn is_started(&self) -> bool {
        !self.name.is_empty() && !self.client_urls.is_empty()
    }
}

/// The status of a member.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Status {
    /// The header of the answer.
    #[prost(message, optional, tag = "1")]
    pub header: Option<ResponseHeader>,
    /// etcd's version.
    #[prost(string, tag = "2")]
    pub version: String,
    /// Size of its database in bytes.
    #[prost(uint64, tag = "3")]
    pub db_size: u64,
    /// The id of its leader; 0 if it knows none.
    #[prost(uint64, tag = "4")]
    pub leader: u64,
    /// Its Raft index, which counts the committed log entries.
    #[prost(uint64, tag = "5")]
    pub raft_index: u64,
    /// Its Raft term, which counts elections.
    #[prost(uint64, tag = "6")]
    pub raft_term: u64,
    /// The index of the last log entry that it has applied to its database.
    #[prost(uint64, tag = "7")]
    pub raft_applied_index: u64,
    /// Problems: a missing leader, and every alarm of the cluster.
    #[prost(string, repeated, tag = "8")]
    pub errors: Vec<String>,
    /// Bytes of the database that are in use; defragmentation frees the rest.
    #[prost(uint64, tag = "9")]
    pub db_size_in_use: u64,
    /// Whether it is a learner, which has no vote.
    #[prost(bool, tag = "10")]
    pub is_learner: bool,
}

impl Status {
    /// Returns the id of the member that answered.
    pub fn member_id(&self) -> u64 {
        self.header.as_ref().map_or(0, |header| header.member_id)
    }

    /// Returns the id of its cluster.
    pub fn cluster_id(&self) -> u64 {
        self.header.as_ref().map_or(0, |header| header.cluster_id)
    }

    /// Returns the revision of its key space.
    pub fn revision(&self) -> u64 {
        self.header.as_ref().map_or(0, |header| header.revision)
    }
}

/// A request without fields, or an answer of which only its arrival matters.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Empty {}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct MembersAnswer {
    #[prost(message, repeated, tag = "2")]
    pub(super) members: Vec<Member>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct PutRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) value: Vec<u8>,
    /// The lease with which the key ends; 0 for none.
    #[prost(uint64, tag = "3")]
    pub(super) lease: u64,
}

/// A read, linearizable unless etcd is asked otherwise: etcd answers only after a majority confirmed the leader.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct RangeRequest {
    /// The first key.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) key: Vec<u8>,
    /// The end of the range, which is not part of it: empty for one key, a zero byte for all that follow.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) end: Vec<u8>,
    /// The largest number of pairs in the answer; 0 for no limit.
    #[prost(uint64, tag = "3")]
    pub(super) limit: u64,
    /// Whether the member answers from its own data, without asking the others.
    #[prost(bool, tag = "7")]
    pub(super) is_serializable: bool,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct RangeAnswer {
    #[prost(message, repeated, tag = "2")]
    pub(super) pairs: Vec<Pair>,
    /// Whether the range has more pairs than the limit.
    #[prost(bool, tag = "3")]
    pub(super) has_more: bool,
}

/// A key with its value.
#[derive(Clone, PartialEq, Eq, Message)]
pub struct Pair {
    /// The key.
    #[prost(bytes = "vec", tag = "1")]
    pub key: Vec<u8>,
    /// The value.
    #[prost(bytes = "vec", tag = "5")]
    pub value: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct CompactRequest {
    #[prost(uint64, tag = "1")]
    pub(super) revision: u64,
    /// Whether etcd answers only after it has removed the history from the database.
    #[prost(bool, tag = "2")]
    pub(super) is_physical: bool,
}

/// Lists the alarms, or removes one.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct AlarmRequest {
    #[prost(int32, tag = "1")]
    pub(super) action: i32,
    #[prost(uint64, tag = "2")]
    pub(super) member: u64,
    #[prost(int32, tag = "3")]
    pub(super) kind: i32,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct AlarmAnswer {
    #[prost(message, repeated, tag = "2")]
    pub(super) alarms: Vec<Alarm>,
}

/// An alarm, which a member raised and which stays until somebody disarms it.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Alarm {
    /// The id of the member.
    #[prost(uint64, tag = "1")]
    pub member: u64,
    /// The kind, as a number of [`rpc.proto`](https://github.com/etcd-io/etcd/blob/main/api/etcdserverpb/rpc.proto).
    #[prost(int32, tag = "2")]
    pub kind: i32,
}

impl Alarm {
    /// The database of a member has reached its quota; the cluster refuses writes.
    pub const NO_SPACE: i32 = 1;
    /// The data of a member differ from those of the others; the cluster refuses reads and writes.
    pub const CORRUPT: i32 = 2;

    /// Returns etcd's name of its kind.
    pub fn name(&self) -> String {
        match self.kind {
            Self::NO_SPACE => "NOSPACE".to_owned(),
            Self::CORRUPT => "CORRUPT".to_owned(),
            other => format!("kind {other}"),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct MoveLeaderRequest {
    #[prost(uint64, tag = "1")]
    pub(super) target: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct HashRequest {
    #[prost(uint64, tag = "1")]
    pub(super) revision: u64,
}

/// Sets the password of a user.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct PasswordRequest {
    #[prost(string, tag = "1")]
    pub(super) user: String,
    #[prost(string, tag = "2")]
    pub(super) password: String,
}

/// The hash of a member's key space.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub struct Hash {
    /// The hash of every key and value from the last compaction up to the requested revision.
    #[prost(uint32, tag = "2")]
    pub hash: u32,
    /// The revision of the last compaction. Only hashes with the same one are comparable.
    #[prost(uint64, tag = "3")]
    pub compact_revision: u64,
}

/// A part of a snapshot. The last parts end with the SHA-256 of everything before it.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct SnapshotPart {
    #[prost(bytes = "vec", tag = "3")]
    pub(super) blob: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_counts_as_started_once_it_has_a_name_and_an_address_for_clients() {
        let member = |name: &str, urls: &[&str]| Member {
            name: name.to_owned(),
            client_urls: urls.iter().map(|url| (*url).to_owned()).collect(),
            ..Member::default()
        };
        assert!(member("etcd1", &["https://192.168.0.50:2379"]).is_started());
        assert!(!member("etcd1", &[]).is_started());
        assert!(!member("", &[]).is_started());
    }

    #[test]
    fn unknown_fields_are_ignored() {
        // Field 5 with 9, then field 77 with 1.
        let status = Status::decode(&[0x28, 9, 0xe8, 0x04, 1][..]).unwrap();
        let wanted = Status {
            raft_index: 9,
            ..Status::default()
        };
        assert_eq!(status, wanted);
    }
}
