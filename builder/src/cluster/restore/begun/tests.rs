//! Tests of what an interrupted restore has left behind.

use super::super::node::Restored;
use super::*;

const LIST: &str = "etcd1=https://192.168.0.50:2380,etcd2=https://192.168.0.51:2380";

#[test]
fn an_interrupted_restore_of_the_same_snapshot_goes_on() {
    let snapshot = Snapshot {
        bytes: crate::secret::Secret::new(Vec::new()),
        sha256: "ab".to_owned(),
        revision: 9,
        members: Vec::new(),
        version: None,
    };
    let with_snapshot = |sha256: &str| NodeFacts {
        sha256: Some(sha256.to_owned()),
        wanted: Some("1234".to_owned()),
        members: Some(LIST.to_owned()),
        ..NodeFacts::default()
    };
    let known = [NodeFacts::default(), with_snapshot("ab")];
    assert_eq!(
        begun((&snapshot, LIST), &known, false).as_deref(),
        Some("1234")
    );
    assert_eq!(
        begun((&snapshot, LIST), &[with_snapshot("cd")], false),
        None
    );
    // Another list of members is another cluster.
    let other = "etcd1=https://192.168.0.50:2380";
    assert_eq!(begun((&snapshot, other), &known, false), None);
    let new = vow(&snapshot, 7);
    assert_eq!(new.len(), 16);
    assert_ne!(new, vow(&snapshot, 8));
}

/// Power was lost before the last node was prepared: the others have begun, and forgotten what they received.
#[test]
fn a_node_that_has_only_received_the_snapshot_follows_the_others() {
    let snapshot = Snapshot {
        bytes: crate::secret::Secret::new(Vec::new()),
        sha256: "ab".to_owned(),
        revision: 9,
        members: Vec::new(),
        version: None,
    };
    let restored = |sha256: &str, vow: &str, time| NodeFacts {
        restored: Some(Restored {
            sha256: sha256.to_owned(),
            vow: vow.to_owned(),
            time,
        }),
        ..NodeFacts::default()
    };
    let received = |facts: NodeFacts| NodeFacts {
        sha256: Some("ab".to_owned()),
        ..facts
    };
    let done = || restored("ab", "2222", 20);
    let begun = |third: NodeFacts, again| begun((&snapshot, LIST), &[done(), done(), third], again);
    let left = [
        NodeFacts::default(),
        restored("cd", "1111", 10),
        // The others have begun with this snapshot `--again`.
        restored("ab", "1111", 10),
    ];
    for facts in left {
        assert_eq!(begun(received(facts), false).as_deref(), Some("2222"));
    }
    assert_eq!(begun(received(NodeFacts::default()), true), None);
    let of_others = NodeFacts {
        members: Some("etcd3=https://192.168.0.52:2380".to_owned()),
        ..received(NodeFacts::default())
    };
    assert_eq!(begun(of_others, false), None);
    // All have begun, and an attempt to do so again was interrupted; or a node has joined since.
    assert_eq!(begun(received(done()), false), None);
    assert_eq!(begun(NodeFacts::default(), false), None);
}
