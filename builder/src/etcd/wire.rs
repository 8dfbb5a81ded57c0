//! The requests and answers of etcd's JSON gateway.
//!
//! The names are those of rpc.proto (<https://etcd.io/docs/latest/dev-guide/api_grpc_gateway/>). 64-bit numbers are
//! strings, bytes are base64, and zero or empty values are omitted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Its id in the cluster.
    #[serde(rename = "ID", deserialize_with = "number")]
    pub id: u64,
    /// Its name; empty until it has started once.
    #[serde(default)]
    pub name: String,
    /// URLs for the other members.
    #[serde(default, rename = "peerURLs")]
    pub peer_urls: Vec<String>,
    /// URLs for clients; empty until it has started once.
    #[serde(default, rename = "clientURLs")]
    pub client_urls: Vec<String>,
    /// Whether it is a learner, which has no vote.
    #[serde(default)]
    pub is_learner: bool,
}

impl Member {
    /// Returns whether it has joined the cluster.
    pub fn is_started(&self) -> bool {
        !self.name.is_empty() && !self.client_urls.is_empty()
    }
}

/// The status of a member.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// etcd's version.
    pub version: String,
    /// Size of its database in bytes.
    #[serde(default, deserialize_with = "number")]
    pub db_size: u64,
    /// The id of its leader; 0 if it knows none.
    #[serde(default, deserialize_with = "number")]
    pub leader: u64,
    /// Its Raft index, which counts the committed log entries.
    #[serde(default, deserialize_with = "number")]
    pub raft_index: u64,
    /// Its Raft term, which counts elections.
    #[serde(default, deserialize_with = "number")]
    pub raft_term: u64,
}

#[derive(Deserialize)]
pub(super) struct Members {
    #[serde(default)]
    pub(super) members: Vec<Member>,
}

/// The answer of `/health`; an unhealthy member gives the reason.
#[derive(Deserialize)]
pub(super) struct Health {
    health: String,
    #[serde(default)]
    reason: String,
}

impl Health {
    pub(super) fn verdict(self) -> Result<(), String> {
        match self.health.as_str() {
            "true" => Ok(()),
            _ => Err(self.reason),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Put {
    key: String,
    value: String,
}

impl Put {
    pub(super) fn new(key: &str, value: &str) -> Self {
        let (key, value) = (STANDARD.encode(key), STANDARD.encode(value));
        Self { key, value }
    }
}

#[derive(Serialize)]
pub(super) struct Range {
    key: String,
}

impl Range {
    pub(super) fn new(key: &str) -> Self {
        let key = STANDARD.encode(key);
        Self { key }
    }
}

#[derive(Deserialize)]
pub(super) struct Pairs {
    #[serde(default)]
    kvs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    #[serde(default)]
    value: String,
}

impl Pairs {
    /// Returns the value of the first pair, or `None` if there is none.
    pub(super) fn value(self) -> Result<Option<String>, base64::DecodeError> {
        let first = self.kvs.into_iter().next();
        let bytes = first.map(|pair| STANDARD.decode(pair.value)).transpose()?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// Deserializes a number written as a string.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_with_their_long_numbers() {
        let text = r#"{"header":{"cluster_id":"1"},"members":[
            {"ID":"17237436991929493444","name":"etcd1","peerURLs":["https://192.168.0.50:2380"],
             "clientURLs":["https://192.168.0.50:2379"]},
            {"ID":"2","peerURLs":["https://192.168.0.51:2380"]}]}"#;
        let members = serde_json::from_str::<Members>(text).unwrap().members;
        assert_eq!(members[0].id, 17_237_436_991_929_493_444);
        assert!(members[0].is_started() && !members[0].is_learner);
        assert!(!members[1].is_started());
    }

    #[test]
    fn a_status_without_a_leader_has_leader_0() {
        let text = r#"{"header":{"member_id":"1"},"version":"3.5.16","dbSize":"20480","raftIndex":"9","raftTerm":"2"}"#;
        let wanted = Status {
            version: "3.5.16".to_owned(),
            db_size: 20480,
            leader: 0,
            raft_index: 9,
            raft_term: 2,
        };
        assert_eq!(serde_json::from_str::<Status>(text).unwrap(), wanted);
    }

    #[test]
    fn sick_members_say_why() {
        let verdict = |text| serde_json::from_str::<Health>(text).unwrap().verdict();
        assert_eq!(verdict(r#"{"health":"true","reason":""}"#), Ok(()));
        let sick = r#"{"health":"false","reason":"RAFT NO LEADER"}"#;
        assert_eq!(verdict(sick), Err("RAFT NO LEADER".to_owned()));
    }

    #[test]
    fn keys_and_values_travel_as_base64() {
        let put = serde_json::to_string(&Put::new("a", "ü")).unwrap();
        assert_eq!(put, r#"{"key":"YQ==","value":"w7w="}"#);
        let pairs: Pairs =
            serde_json::from_str(r#"{"count":"1","kvs":[{"key":"YQ==","value":"w7w="}]}"#).unwrap();
        assert_eq!(pairs.value().unwrap().as_deref(), Some("ü"));
        let none: Pairs = serde_json::from_str(r#"{"header":{}}"#).unwrap();
        assert_eq!(none.value().unwrap(), None);
    }
}
