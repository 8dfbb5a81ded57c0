//! The messages of leases, transactions and the member list (see [`super::messages`]).

use prost::Message;

use super::messages::{PutRequest, RangeAnswer, RangeRequest};

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct LeaseRequest {
    #[prost(uint64, tag = "1")]
    pub(super) seconds: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct LeaseAnswer {
    #[prost(uint64, tag = "2")]
    pub(super) id: u64,
}

/// A request about one lease: to extend it, or to end it.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct ThisLease {
    #[prost(uint64, tag = "1")]
    pub(super) lease: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct KeepAliveAnswer {
    /// The seconds that are left; 0 if the lease has ended.
    #[prost(uint64, tag = "3")]
    pub(super) seconds: u64,
}

/// A request about one member.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct MemberRequest {
    #[prost(uint64, tag = "1")]
    pub(super) id: u64,
}

/// Several operations at once, which depend on conditions.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct TransactionRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) compare: Vec<Compare>,
    #[prost(message, repeated, tag = "2")]
    pub(super) success: Vec<RequestOperation>,
    #[prost(message, repeated, tag = "3")]
    pub(super) failure: Vec<RequestOperation>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct TransactionAnswer {
    #[prost(bool, tag = "2")]
    pub(super) has_succeeded: bool,
    #[prost(message, repeated, tag = "3")]
    pub(super) operations: Vec<AnswerOperation>,
}

/// A condition on a key.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Compare {
    /// 0: equal.
    #[prost(int32, tag = "1")]
    result: i32,
    /// 1: the revision at which the key was created.
    #[prost(int32, tag = "2")]
    target: i32,
    #[prost(bytes = "vec", tag = "3")]
    key: Vec<u8>,
    /// 0 for a key that does not exist.
    #[prost(uint64, optional, tag = "5")]
    create_revision: Option<u64>,
}

impl Compare {
    /// Returns the condition that a key does not exist.
    pub(super) fn absent(key: &str) -> Self {
        Self {
            target: 1,
            key: key.into(),
            create_revision: Some(0),
            ..Self::default()
        }
    }
}

/// One of the operations of a transaction.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct RequestOperation {
    #[prost(message, optional, tag = "1")]
    range: Option<RangeRequest>,
    #[prost(message, optional, tag = "2")]
    put: Option<PutRequest>,
}

impl RequestOperation {
    pub(super) fn range(range: RangeRequest) -> Self {
        Self {
            range: Some(range),
            ..Self::default()
        }
    }

    pub(super) fn put(put: PutRequest) -> Self {
        Self {
            put: Some(put),
            ..Self::default()
        }
    }
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct AnswerOperation {
    #[prost(message, optional, tag = "1")]
    pub(super) range: Option<RangeAnswer>,
}
