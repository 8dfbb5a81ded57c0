//! Tests of what nodes answer, and of the evidence of a restore.

use super::node::Restored;
use super::*;

const LIST: &str = "etcd1=https://192.168.0.50:2380,etcd2=https://192.168.0.51:2380";

#[test]
fn a_node_s_facts_are_read() {
    let lines = [
        "aside=1",
        "free=921600",
        "etcd=3.5.16",
        "raises=yes",
        "wanted=00ff00ff00ff00ff",
        "members=etcd1=https://192.168.0.50:2380,etcd2=https://[fd00::51]:2380",
        "url=etcd2=https://[fd00::51]:2380",
    ];
    let digest = "0f".repeat(32);
    let restored = format!("restored={digest} 00ff00ff00ff00f0 1796774280");
    let lines: Vec<_> = lines
        .into_iter()
        .map(str::to_owned)
        .chain([restored])
        .collect();
    let facts = parse(&lines);
    let wanted = NodeFacts {
        free: 900,
        aside: 1,
        etcd: "3.5.16".to_owned(),
        raises: true,
        sha256: None,
        wanted: Some("00ff00ff00ff00ff".to_owned()),
        members: Some("etcd1=https://192.168.0.50:2380,etcd2=https://[fd00::51]:2380".to_owned()),
        url: Some("etcd2=https://[fd00::51]:2380".to_owned()),
        restored: Some(Restored {
            sha256: digest,
            vow: "00ff00ff00ff00f0".to_owned(),
            time: 1_796_774_280,
        }),
    };
    assert_eq!(facts, wanted);
}

#[test]
fn an_answer_that_is_no_digest_is_ignored() {
    for answer in ["$(reboot)", "ab", "00ff00ff00ff00f;", "00FF00FF00FF00FF"] {
        let lines = [
            format!("wanted={answer}"),
            format!("sha256={answer}"),
            format!("url={answer}"),
            format!("members=a=http://b:2380,{answer}"),
            format!("restored={} {answer} 7", "0f".repeat(32)),
        ];
        assert_eq!(parse(&lines), NodeFacts::default(), "{answer}");
    }
    let lines = [format!("sha256={}", "0f".repeat(32))];
    assert_eq!(parse(&lines).sha256, Some("0f".repeat(32)));
}

#[test]
fn a_node_that_cannot_restore_is_named() {
    let snapshot = Snapshot {
        bytes: crate::secret::Secret::new(vec![0; 300 << 20]),
        sha256: "ab".to_owned(),
        revision: 9,
        members: Vec::new(),
        version: Some("3.5.0".to_owned()),
    };
    let ready = || NodeFacts {
        free: 900,
        etcd: "3.5.16".to_owned(),
        raises: true,
        ..NodeFacts::default()
    };
    check("etcd1", &ready(), &snapshot).unwrap();
    let cases = [
        (
            NodeFacts {
                free: 700,
                ..ready()
            },
            "its data partition has 700 MiB free, and 800 MiB are needed",
        ),
        (
            NodeFacts {
                aside: 3,
                ..ready()
            },
            "it has set aside 3 sets of data already",
        ),
        (
            NodeFacts {
                etcd: "3.4.30".to_owned(),
                ..ready()
            },
            "it is of etcd 3.5.0, and the node has 3.4.30",
        ),
        (
            NodeFacts {
                raises: false,
                ..ready()
            },
            "etcdutl of etcd 3.5.16 cannot raise revisions",
        ),
    ];
    for (facts, why) in cases {
        let error = check("etcd1", &facts, &snapshot).unwrap_err().to_string();
        assert_eq!(error, format!("etcd1 cannot restore the snapshot: {why}"));
    }
    // It has the snapshot already.
    let received = NodeFacts {
        free: 500,
        sha256: Some("ab".to_owned()),
        ..ready()
    };
    check("etcd1", &received, &snapshot).unwrap();
}

#[test]
fn success_needs_another_cluster_or_a_raised_revision() {
    let snapshot = Snapshot {
        bytes: crate::secret::Secret::new(Vec::new()),
        sha256: "ab".to_owned(),
        revision: 9,
        members: Vec::new(),
        version: None,
    };
    let report = |id: Option<&str>, revision: u64| {
        let member = MemberReport {
            cluster_id: id.map(str::to_owned),
            revision: Some(revision),
            ..MemberReport::new("etcd1", None)
        };
        super::super::assess::assess("main", vec![member], &[])
    };
    let check = |before: Option<&str>, id: &str, revision: u64| {
        check_begun(&report(before, 50), &report(Some(id), revision), &snapshot)
    };
    check(Some("a"), "b", 9).unwrap();
    check(None, "a", 9 + RAISED_BY).unwrap();
    check(Some("a"), "a", 10 + RAISED_BY).unwrap();
    for before in [Some("a"), None] {
        let error = check(before, "a", 50).unwrap_err();
        assert_eq!(
            error.to_string(),
            "etcd1 has not begun again with the snapshot: its cluster and its revision are those before"
        );
    }
}

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

/// The state directory is an older copy, or that of another machine.
#[test]
fn members_that_would_go_on_as_another_cluster_are_named() {
    let report = |started: &[&str]| {
        let members = started.iter().map(|name| MemberReport {
            started: Some(true),
            ..MemberReport::new(name, None)
        });
        // It has been added, and has never started.
        let waiting = MemberReport {
            started: Some(false),
            ..MemberReport::new("etcd9", None)
        };
        super::super::assess::assess("main", members.chain([waiting]).collect(), &[])
    };
    let refused = [
        (&["etcd1", "etcd2", "etcd3"][..], "etcd2, etcd3"),
        (&["etcd1", "etcd2"], "etcd2"),
    ];
    for (started, others) in refused {
        let error = must_be_described(&report(started), &["etcd1"]).unwrap_err();
        let wanted = format!(
            "the state directory does not describe {others}, which would go on as another cluster main"
        );
        assert_eq!(error.to_string(), wanted);
    }
    must_be_described(
        &report(&["etcd1", "etcd2", "etcd4"]),
        &["etcd1", "etcd2", "etcd3"],
    )
    .unwrap();
    // No member answers: nobody has a list.
    must_be_described(&report(&[]), &["etcd1", "etcd2", "etcd3"]).unwrap();
}

#[test]
fn all_nodes_begin_with_one_list_of_members() {
    let facts = |url: &str| parse(&[format!("url={url}")]);
    let known = [
        facts("etcd1=https://192.168.0.50:2380"),
        facts("etcd2=https://192.168.0.51:2380"),
    ];
    assert_eq!(list(&["etcd1", "etcd2"], &known).unwrap(), LIST);
    let known = [facts("etcd1=https://192.168.0.50:2380"), parse(&[])];
    let error = list(&["etcd1", "etcd2"], &known).unwrap_err();
    assert_eq!(
        error.to_string(),
        "etcd2 cannot restore the snapshot: its image is too old to begin with the current list of members"
    );
}
