//! The calls for a key that exists only as long as its owner keeps its lease alive, and those that change the member list.

use std::time::Duration;

use super::call_error::CallError;
use super::messages::{Empty, PutRequest, RangeRequest};
use super::session::Session;
use super::transaction::{
    Compare, KeepAliveAnswer, LeaseAnswer, LeaseRequest, MemberRequest, RequestOperation,
    ThisLease, TransactionAnswer, TransactionRequest,
};

/// How long a change of the member list may take.
const CHANGE: Duration = Duration::from_secs(30);

impl Session {
    /// Begins a lease that ends after this time unless it is kept alive, and returns its id.
    pub fn begin_lease(&self, time: Duration) -> Result<u64, CallError> {
        let request = LeaseRequest {
            seconds: time.as_secs(),
        };
        let answer: LeaseAnswer = self.call("/etcdserverpb.Lease/LeaseGrant", request)?;
        Ok(answer.id)
    }

    /// Extends a lease. `false` means that it has ended.
    pub fn keep_alive(&self, lease: u64) -> Result<bool, CallError> {
        let path = "/etcdserverpb.Lease/LeaseKeepAlive";
        let answer: Option<KeepAliveAnswer> = self.first(path, ThisLease { lease })?;
        Ok(answer.is_some_and(|answer| answer.seconds > 0))
    }

    /// Ends a lease, which removes its keys.
    pub fn end_lease(&self, lease: u64) -> Result<(), CallError> {
        let Empty {} = self.call("/etcdserverpb.Lease/LeaseRevoke", ThisLease { lease })?;
        Ok(())
    }

    /// Writes a key that does not exist, for as long as the lease lasts. If it exists, returns its value instead.
    pub fn create(&self, key: &str, value: &str, lease: u64) -> Result<Option<String>, CallError> {
        let read = RangeRequest {
            key: key.into(),
            ..RangeRequest::default()
        };
        let put = PutRequest {
            key: key.into(),
            value: value.into(),
            lease,
        };
        let request = TransactionRequest {
            compare: vec![Compare::absent(key)],
            success: vec![RequestOperation::put(put)],
            failure: vec![RequestOperation::range(read)],
        };
        let answer: TransactionAnswer = self.call("/etcdserverpb.KV/Txn", request)?;
        if answer.has_succeeded {
            return Ok(None);
        }
        let ranges = answer.operations.into_iter().filter_map(|it| it.range);
        let pair = ranges.flat_map(|range| range.pairs).next();
        let value = pair.map(|pair| String::from_utf8_lossy(&pair.value).into_owned());
        Ok(Some(value.unwrap_or_default()))
    }

    /// Removes a member from the cluster.
    pub fn remove_member(&self, id: u64) -> Result<(), CallError> {
        let path = "/etcdserverpb.Cluster/MemberRemove";
        let Empty {} = self.call_within(CHANGE, path, MemberRequest { id })?;
        Ok(())
    }
}
