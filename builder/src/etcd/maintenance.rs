//! The calls that maintain a member's database, and those for the cluster's alarms and leader.

use std::time::Duration;

use super::call_error::CallError;
use super::messages::{
    Alarm, AlarmAnswer, AlarmRequest, CompactRequest, Empty, Hash, HashRequest, MoveLeaderRequest,
    Pair, PasswordRequest, RangeAnswer, RangeRequest,
};
use super::session::Session;
use crate::secret::Secret;

/// How long a member may read or rewrite its whole database: several gigabytes on a slow card.
const WHOLE: Duration = Duration::from_mins(30);

/// How long the target of a change of leaders may take to lead, and a request that needs a leader while there is an election.
const ELECTION: Duration = Duration::from_secs(30);

/// How long a page of keys may take.
const PAGE: Duration = Duration::from_mins(2);

/// The actions on alarms.
const GET: i32 = 0;
const DEACTIVATE: i32 = 2;

/// A part of the key space.
#[derive(Debug)]
pub struct KeyRange {
    /// The keys with their values, in order.
    pub pairs: Vec<Pair>,
    /// Whether more keys follow.
    pub has_more: bool,
}

impl Session {
    /// Rewrites the database of this member without its free pages. The member serves nothing meanwhile.
    pub fn defragment(&self) -> Result<(), CallError> {
        let path = "/etcdserverpb.Maintenance/Defragment";
        let Empty {} = self.call_within(WHOLE, path, Empty {})?;
        Ok(())
    }

    /// Removes the history of all keys before this revision from the database of every member.
    pub fn compact(&self, revision: u64) -> Result<(), CallError> {
        let request = CompactRequest {
            revision,
            is_physical: true,
        };
        let Empty {} = self.call_within(WHOLE, "/etcdserverpb.KV/Compact", request)?;
        Ok(())
    }

    /// Returns the alarms of the cluster.
    pub fn alarms(&self) -> Result<Vec<Alarm>, CallError> {
        let answer = self.alarm(GET, Alarm::default())?;
        Ok(answer.alarms)
    }

    /// Removes an alarm; one that does not exist is no error.
    pub fn disarm(&self, alarm: Alarm) -> Result<(), CallError> {
        self.alarm(DEACTIVATE, alarm).map(drop)
    }

    fn alarm(&self, action: i32, alarm: Alarm) -> Result<AlarmAnswer, CallError> {
        let request = AlarmRequest {
            action,
            member: alarm.member,
            kind: alarm.kind,
        };
        self.call_within(ELECTION, "/etcdserverpb.Maintenance/Alarm", request)
    }

    /// Makes another member the leader. Only the leader accepts this call.
    pub fn move_leader(&self, target: u64) -> Result<(), CallError> {
        let path = "/etcdserverpb.Maintenance/MoveLeader";
        let Empty {} = self.call_within(ELECTION, path, MoveLeaderRequest { target })?;
        Ok(())
    }

    /// Sets the password of a user.
    pub fn change_password(&self, user: &str, password: &Secret) -> Result<(), CallError> {
        let request = PasswordRequest {
            user: user.to_owned(),
            password: String::from_utf8_lossy(password.reveal()).into_owned(),
        };
        let path = "/etcdserverpb.Auth/UserChangePassword";
        let Empty {} = self.call_within(ELECTION, path, request)?;
        Ok(())
    }

    /// Returns the hash of this member's key space up to this revision.
    pub fn hash(&self, revision: u64) -> Result<Hash, CallError> {
        let path = "/etcdserverpb.Maintenance/HashKV";
        self.call_within(WHOLE, path, HashRequest { revision })
    }

    /// Returns at most `limit` keys of this member's own data, from `first` on.
    pub fn page(&self, first: &[u8], limit: u64) -> Result<KeyRange, CallError> {
        let request = RangeRequest {
            key: first.to_vec(),
            end: vec![0],
            limit,
            is_serializable: true,
        };
        let answer: RangeAnswer = self.call_within(PAGE, "/etcdserverpb.KV/Range", request)?;
        Ok(KeyRange {
            pairs: answer.pairs,
            has_more: answer.has_more,
        })
    }
}
