//! Tests of what nodes answer, and of the evidence of a restore.

use super::begun::RAISED_BY;
use super::node::{NodeFacts, Restored, parse};
use super::*;

#[test]
fn a_node_s_facts_are_read() {
    let lines = [
        "aside=1",
        "free=921600",
        "replaced=20480",
        "etcd=3.5.16",
        "raises=any",
        "wanted=00ff00ff00ff00ff-2",
        "members=etcd1=https://192.168.0.50:2380,etcd2=https://[fd00::51]:2380",
        "others=etcd1=https://192.168.0.50:2380",
        "url=etcd2=https://[fd00::51]:2380",
    ];
    let digest = "0f".repeat(32);
    let restored =
        format!("restored={digest} 00ff00ff00ff00f0 1796774280 etcd1=https://[fd00::50]:2380");
    let lines: Vec<_> = lines
        .into_iter()
        .map(str::to_owned)
        .chain([restored])
        .collect();
    let facts = parse(&lines);
    let wanted = NodeFacts {
        free: 900,
        replaced: 20,
        aside: 1,
        etcd: "3.5.16".to_owned(),
        raises: true,
        raises_any: true,
        sha256: None,
        wanted: Some("00ff00ff00ff00ff-2".to_owned()),
        members: Some("etcd1=https://192.168.0.50:2380,etcd2=https://[fd00::51]:2380".to_owned()),
        others: Some("etcd1=https://192.168.0.50:2380".to_owned()),
        url: Some("etcd2=https://[fd00::51]:2380".to_owned()),
        restored: Some(Restored {
            sha256: digest,
            vow: "00ff00ff00ff00f0".to_owned(),
            time: 1_796_774_280,
            members: Some("etcd1=https://[fd00::50]:2380".to_owned()),
        }),
    };
    assert_eq!(facts, wanted);
}

/// A slow card reads and writes some megabytes in a second.
#[test]
fn a_large_snapshot_gets_more_time() {
    assert_eq!(time_limit(20_000), Duration::from_mins(10));
    assert_eq!(time_limit(8 << 30), Duration::from_secs(600 + 4096));
}

#[test]
fn an_answer_that_is_no_digest_is_ignored() {
    for answer in [
        "$(reboot)",
        "ab",
        "00ff00ff00ff00f;",
        "00FF00FF00FF00FF",
        "00ff00ff00ff00ff-",
        "00ff00ff00ff00ff-+2",
    ] {
        let lines = [
            format!("wanted={answer}"),
            format!("sha256={answer}"),
            format!("url={answer}"),
            format!("others={answer}"),
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
        version: Some("3.5.0".to_owned()),
        ..snapshot()
    };
    let ready = || NodeFacts {
        free: 900,
        etcd: "3.5.16".to_owned(),
        raises: true,
        ..NodeFacts::default()
    };
    let check = |facts: &NodeFacts| check("etcd1", facts, &snapshot, "1234");
    check(&ready()).unwrap();
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
        let error = check(&facts).unwrap_err().to_string();
        assert_eq!(error, format!("etcd1 cannot restore the snapshot: {why}"));
    }
    // It has the snapshot already.
    let received = NodeFacts {
        free: 500,
        sha256: Some("ab".to_owned()),
        ..ready()
    };
    check(&received).unwrap();
}

/// A restore of another snapshot was interrupted.
#[test]
fn a_node_that_is_prepared_for_another_restore_needs_room() {
    let snapshot = Snapshot {
        bytes: crate::secret::Secret::new(vec![0; 3 << 20]),
        ..snapshot()
    };
    let prepared = |sha256: &str, aside| NodeFacts {
        aside,
        replaced: 100,
        etcd: "3.5.16".to_owned(),
        raises: true,
        sha256: Some(sha256.to_owned()),
        wanted: Some("1234".to_owned()),
        ..NodeFacts::default()
    };
    let outcome = |facts: &NodeFacts, vow: &str| {
        let outcome = check("etcd1", facts, &snapshot, vow);
        outcome.map_err(|error| error.to_string())
    };
    outcome(&prepared("ab", 3), "1234").unwrap();
    let old = "etcd1 cannot restore the snapshot: its image is too old for a cluster that was restored before";
    assert_eq!(outcome(&prepared("ab", 3), "1234-2").unwrap_err(), old);
    let full = "etcd1 cannot restore the snapshot: its data partition has 100 MiB free, and 206 MiB are needed";
    assert_eq!(outcome(&prepared("cd", 0), "5678").unwrap_err(), full);
    let many = "etcd1 cannot restore the snapshot: it has set aside 3 sets of data already";
    assert_eq!(outcome(&prepared("cd", 3), "5678").unwrap_err(), many);
    // The snapshot of the interrupted restore makes room.
    let free = NodeFacts {
        free: 106,
        ..prepared("cd", 0)
    };
    outcome(&free, "5678").unwrap();
}

#[test]
fn a_snapshot_of_members_with_the_same_names_at_other_addresses_is_refused() {
    let hosts = |hosts: &[u8]| -> Vec<IpAddr> {
        let hosts = hosts.iter();
        hosts.map(|host| [192, 168, 0, *host].into()).collect()
    };
    let member = |(name, address): (&str, IpAddr)| DescribedMember {
        name: name.to_owned(),
        address,
    };
    let names = ["etcd1", "etcd2"];
    let cluster = ClusterDescription {
        format: 1,
        cluster: "main".to_owned(),
        user: "pi".to_owned(),
        insecure: false,
        quota: 1,
        members: names
            .into_iter()
            .zip(hosts(&[50, 51]))
            .map(member)
            .collect(),
    };
    let outcome = |addresses: &[u8]| {
        let snapshot = Snapshot {
            members: names.map(str::to_owned).to_vec(),
            addresses: hosts(addresses),
            ..snapshot()
        };
        must_be_of(&cluster, &snapshot)
    };
    outcome(&[50, 51]).unwrap();
    // Their URLs have host names, or one of them has got another address since.
    outcome(&[]).unwrap();
    outcome(&[50, 61]).unwrap();
    let error = outcome(&[60, 61]).unwrap_err().to_string();
    let wanted = "the snapshot is of a cluster with the members 192.168.0.60, 192.168.0.61, and cluster main has 192.168.0.50, \
                  192.168.0.51";
    assert_eq!(error, wanted);
}

/// Returns a snapshot that is as small as possible.
pub(super) fn snapshot() -> Snapshot {
    Snapshot {
        bytes: crate::secret::Secret::new(Vec::new()),
        sha256: "ab".to_owned(),
        revision: 9,
        members: Vec::new(),
        addresses: Vec::new(),
        version: None,
    }
}

#[test]
fn success_needs_another_cluster_or_a_raised_revision() {
    let report = |id: Option<&str>, revision: u64| {
        let member = MemberReport {
            cluster_id: id.map(str::to_owned),
            revision: Some(revision),
            ..MemberReport::new("etcd1", None)
        };
        super::super::assess::assess("main", vec![member], &[])
    };
    let check = |before: Option<&str>, id: &str, revision: u64| {
        check_begun(
            &report(before, 50),
            &report(Some(id), revision),
            9 + RAISED_BY,
        )
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

/// The cluster is restored a second time, from the same snapshot or an older one, and its images are of an earlier version.
#[test]
fn revisions_that_clients_may_have_seen_are_not_used_again_in_silence() {
    let member = |name: &str| DescribedMember {
        name: name.to_owned(),
        address: [192, 168, 0, 50].into(),
    };
    let warned = |revisions: [Option<u64>; 2]| {
        let seen = |(name, revision): (&str, Option<u64>)| MemberReport {
            revision,
            ..MemberReport::new(name, None)
        };
        let seen = ["etcd1", "etcd2"].into_iter().zip(revisions).map(seen);
        let before = super::super::assess::assess("main", seen.collect(), &[]);
        // The second one has begun again already.
        repeated_revisions(&before, &[&member("etcd1")], 9 + RAISED_BY)
    };
    assert_eq!(warned([None, Some(99 + RAISED_BY)]), None);
    assert_eq!(warned([Some(50), None]), None);
    assert_eq!(warned([Some(9 + RAISED_BY), None]), None);
    let wanted = "warning: clients may have seen revisions up to 1000000019, and the restored cluster goes on from 1000000009: restart \
                  those that watch keys, which would miss changes";
    assert_eq!(warned([Some(19 + RAISED_BY), None]).unwrap(), wanted);
}
