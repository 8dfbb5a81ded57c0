//! Tests of what an interrupted restore has left behind.

use super::super::super::assess::assess;
use super::super::super::report::MemberReport;
use super::super::tests::snapshot;
use super::*;
use crate::failure::explain;

const LIST: &str = "etcd1=https://192.168.0.50:2380,etcd2=https://192.168.0.51:2380";

/// Returns a node that has begun with a snapshot.
fn restored(sha256: &str, vow: &str, time: i64) -> NodeFacts {
    NodeFacts {
        restored: Some(Restored {
            sha256: sha256.to_owned(),
            vow: vow.to_owned(),
            time,
            members: Some(LIST.to_owned()),
        }),
        ..NodeFacts::default()
    }
}

fn received(facts: NodeFacts) -> NodeFacts {
    NodeFacts {
        sha256: Some("ab".to_owned()),
        ..facts
    }
}

#[test]
fn an_interrupted_restore_of_the_same_snapshot_goes_on() {
    let snapshot = snapshot();
    let with_snapshot = |sha256: &str| NodeFacts {
        sha256: Some(sha256.to_owned()),
        wanted: Some("1234".to_owned()),
        members: Some(LIST.to_owned()),
        ..NodeFacts::default()
    };
    let known = [NodeFacts::default(), with_snapshot("ab")];
    assert_eq!(
        interrupted_vow((&snapshot, LIST), &known, false).as_deref(),
        Some("1234")
    );
    assert_eq!(
        interrupted_vow((&snapshot, LIST), &[with_snapshot("cd")], false),
        None
    );
    // Another list of members is another cluster.
    let other = "etcd1=https://192.168.0.50:2380";
    assert_eq!(interrupted_vow((&snapshot, other), &known, false), None);
    let new = new_vow(&snapshot, 7, 1);
    assert_eq!(new.len(), 16);
    assert_ne!(new, new_vow(&snapshot, 8, 1));
}

#[test]
fn a_cluster_that_is_restored_once_more_goes_on_above_its_revisions() {
    let snapshot = snapshot();
    let able = |facts: NodeFacts| NodeFacts {
        raises_any: true,
        ..facts
    };
    let often = |revision: Option<u64>, known: &[NodeFacts]| {
        let member = MemberReport {
            revision,
            ..MemberReport::new("etcd1", None)
        };
        skips(&assess("main", vec![member], &[]), &snapshot, known)
    };
    let new = || able(NodeFacts::default());
    assert_eq!(often(Some(50), &[new()]), 1);
    assert_eq!(often(None, &[new()]), 1);
    // It was restored before.
    assert_eq!(often(Some(RAISED_BY + 50), &[new()]), 2);
    assert_eq!(often(Some(2 * RAISED_BY + 50), &[new()]), 3);
    // It may serve until it stops.
    assert_eq!(often(Some(RAISED_BY - 50), &[new()]), 2);
    // No member answers.
    let known = [new(), able(restored("cd", "2222-2", 20))];
    assert_eq!(often(None, &known), 3);
    // One of the images is older.
    let known = [new(), restored("cd", "2222", 20)];
    assert_eq!(often(Some(RAISED_BY + 50), &known), 1);
    let vow = new_vow(&snapshot, 7, 2);
    assert!(vow.ends_with("-2"), "{vow}");
    assert_eq!(raised_by(&vow), 2 * RAISED_BY);
    assert_eq!(raised_by(&new_vow(&snapshot, 7, 1)), RAISED_BY);
}

/// No member answers, so the revision with which the former restore began is unknown.
#[test]
fn a_snapshot_with_many_revisions_may_be_that_of_a_former_restore() {
    let report = assess("main", vec![MemberReport::new("etcd1", None)], &[]);
    let known = [NodeFacts {
        raises_any: true,
        ..restored("ab", "2222", 20)
    }];
    let often = |revision| {
        let snapshot = Snapshot {
            revision,
            ..snapshot()
        };
        skips(&report, &snapshot, &known)
    };
    assert_eq!(often(700_000_000), 2);
    // It was taken after that restore.
    assert_eq!(often(RAISED_BY + 9), 1);
}

/// The first two nodes have begun, and serve clients.
#[test]
fn a_restore_that_some_nodes_have_begun_is_not_continued_if_it_is_wanted_again() {
    let snapshot = snapshot();
    let prepared = |vow: &str| {
        received(NodeFacts {
            wanted: Some(vow.to_owned()),
            members: Some(LIST.to_owned()),
            ..NodeFacts::default()
        })
    };
    let done = || restored("ab", "2222", 20);
    let vow = |known: &[NodeFacts], again| interrupted_vow((&snapshot, LIST), known, again);
    let known = [done(), done(), prepared("2222")];
    assert_eq!(vow(&known, false).as_deref(), Some("2222"));
    assert_eq!(vow(&known, true), None);
    // The command that wants it again was interrupted as well.
    let known = [done(), prepared("2222"), prepared("3333")];
    assert_eq!(vow(&known, false).as_deref(), Some("2222"));
    assert_eq!(vow(&known, true).as_deref(), Some("3333"));
    let known = [done(), done(), prepared("3333")];
    assert_eq!(vow(&known, false), None);
    assert_eq!(vow(&known, true).as_deref(), Some("3333"));
    // Nobody has begun.
    let known = [NodeFacts::default(), prepared("2222")];
    for again in [false, true] {
        assert_eq!(vow(&known, again).as_deref(), Some("2222"));
    }
}

/// No member answered, and neither command had a lock.
#[test]
fn a_node_that_begins_with_the_snapshot_of_another_command_is_noticed() {
    let prepared = NodeFacts {
        wanted: Some("3333".to_owned()),
        ..restored("ab", "2222", 20)
    };
    assert!(is_of_another(&prepared, "2222"));
    assert!(!is_of_another(&prepared, "3333"));
    assert!(is_of_another(&restored("ab", "2222", 20), "3333"));
    assert!(!is_of_another(&restored("ab", "2222", 20), "2222"));
    // It has lost its card.
    assert!(!is_of_another(&NodeFacts::default(), "2222"));
}

/// Power was lost before the last node was prepared: the others have begun, and forgotten what they received.
#[test]
fn a_node_that_has_only_received_the_snapshot_follows_the_others() {
    let snapshot = snapshot();
    let done = || restored("ab", "2222", 20);
    let begun = |third: NodeFacts, again| {
        interrupted_vow((&snapshot, LIST), &[done(), done(), third], again)
    };
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

/// With another list, it would begin a cluster of its own, and the others would lose their majority.
#[test]
fn a_node_does_not_follow_those_that_began_with_other_members() {
    let snapshot = snapshot();
    let done = || restored("ab", "2222", 1_796_774_280);
    let known = [
        done(),
        done(),
        received(NodeFacts::default()),
        NodeFacts::default(),
    ];
    let then = "etcd1=https://192.168.0.50:2380,etcd2=https://192.168.0.51:2380,etcd3=https://192.168.0.52:2380";
    let began = known.map(|mut facts| {
        if let Some(restored) = &mut facts.restored {
            restored.members = Some(then.to_owned());
        }
        facts
    });
    let now = format!("{then},etcd4=https://192.168.0.53:2380");
    assert_eq!(interrupted_vow((&snapshot, &now), &began, false), None);
    let error = refuse_repeated("main", (&snapshot, &now), &began).unwrap_err();
    let (_, hint) = explain(&error);
    let time = date::moment(1_796_774_280);
    assert_eq!(
        (error.to_string(), hint),
        (
            format!(
                "cluster main has begun again with this snapshot already, at {time}, with the members etcd1, etcd2, etcd3, and now \
                 has etcd1, etcd2, etcd3, etcd4; etcd3 did not begin"
            ),
            "start etcd on etcd3 with `sudo systemctl start etcd`; the console says what it waits for. --again sets aside what \
             was written since, and restores the snapshot once more on all nodes"
                .to_owned()
        )
    );
    // The members are the same.
    assert_eq!(
        interrupted_vow((&snapshot, then), &began[..3], false).as_deref(),
        Some("2222")
    );
}

/// Its card was lost after the others had begun, and it has joined them with an empty one.
#[test]
fn a_node_that_has_joined_since_is_left_alone() {
    let at = |name: &str, cluster: Option<&str>| MemberReport {
        cluster_id: cluster.map(str::to_owned),
        ..MemberReport::new(name, None)
    };
    let members = [
        ("etcd1", Some("new")),
        ("etcd2", Some("old")),
        ("etcd3", None),
        ("etcd4", Some("new")),
    ];
    let reports = members.map(|(name, cluster)| at(name, cluster)).to_vec();
    let report = assess("main", reports, &[]);
    let described = members.map(|(name, _)| DescribedMember {
        name: name.to_owned(),
        address: [10, 0, 0, 1].into(),
    });
    let empty = NodeFacts::default;
    let known = [restored("ab", "2222", 20), empty(), empty(), empty()];
    let left = not_begun("2222", &described, &known, &report);
    let names: Vec<_> = left
        .iter()
        .map(|(member, _)| member.name.as_str())
        .collect();
    assert_eq!(names, ["etcd2", "etcd3"]);
}
