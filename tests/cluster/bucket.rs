//! `cluster backup` of real members into a bucket.

use std::fs;
use std::str::FromStr as _;

use age::x25519::Identity;
use serde_json::Value;

use crate::stores::server::{Fault, Server};
use crate::stores::{IDENTITY, RECIPIENT, variables};
use crate::support::members::{Members, NAMES, address, program, with_members};
use crate::support::scene::Outcome;
use crate::support::tool::tool;

fn backup(members: &Members, server: &Server, options: &[&str]) -> Outcome {
    let line = [&["cluster", "backup", "s3://lab/etcd"], options].concat();
    members.scene.bare_with_variables(&variables(server), &line)
}

/// Writes about ten megabytes, which are sent in two parts.
fn fill(members: &Members) {
    let (client, value) = (members.client(), "x".repeat(1 << 20));
    for key in 0..10 {
        client.put(address(0), &format!("k{key}"), &value).unwrap();
    }
}

/// Asserts that etcd's own program accepts a snapshot.
fn must_be_sound(members: &Members, snapshot: &[u8]) {
    let path = members.scene.at("got.db");
    fs::write(&path, snapshot).unwrap();
    let etcdutl = program("etcdutl");
    let words = ["snapshot", "status", path.to_str().unwrap()];
    tool(etcdutl.to_str().unwrap(), &words).done();
}

#[test]
fn snapshots_go_to_a_bucket_and_older_ones_are_removed() {
    with_members(|members| {
        let server = Server::start();
        fill(&members);
        let older = [
            "etcd/main-20250101T000000Z.db",
            "etcd/main-20250101T000000Z.db.json",
            "etcd/main-20250102T000000Z.db.age",
            "etcd/main-by-hand.db",
            "etcd/other-20250101T000000Z.db",
            "etcd/further/main-20250101T000000Z.db",
        ];
        server.change(|objects| {
            for name in older {
                objects.insert(format!("/lab/{name}"), b"old".to_vec());
            }
        });
        let sealed = ["--encrypt-to", RECIPIENT, "--keep", "2", "--json"];
        let leader = NAMES[members.leader()];
        let told = backup(&members, &server, &sealed).done();
        let facts: Value = serde_json::from_str(&told.stdout).unwrap();
        // A busy machine may have caused an election.
        assert!(facts["member"] != leader || NAMES[members.leader()] != leader);
        assert_eq!(facts["encrypted"], true);
        let removed = Value::from(vec!["s3://lab/etcd/main-20250101T000000Z.db"]);
        assert_eq!(facts["removed"], removed);
        let new = facts["file"]
            .as_str()
            .unwrap()
            .trim_start_matches("s3://lab/");
        assert!(new.ends_with("Z.db.age"), "{new}");
        let described = format!("{new}.json");
        let mut wanted = [&older[2..], &[new, described.as_str()]].concat();
        wanted.sort_unstable();
        assert_eq!(server.names(), wanted);
        assert_eq!(server.count("PUT", "partNumber=2&"), 1);

        let identity = Identity::from_str(IDENTITY).unwrap();
        let snapshot = age::decrypt(&identity, &server.object(new)).unwrap();
        assert_eq!(facts["size"], snapshot.len());
        must_be_sound(&members, &snapshot);
        let beside: Value = serde_json::from_slice(&server.object(&described)).unwrap();
        assert_eq!(beside["sha256"], facts["sha256"]);

        let told = backup(&members, &server, &["--allow-plain-secrets", "--json"]).done();
        let facts: Value = serde_json::from_str(&told.stdout).unwrap();
        let plain = facts["file"]
            .as_str()
            .unwrap()
            .trim_start_matches("s3://lab/");
        must_be_sound(&members, &server.object(plain));
    });
}

#[test]
fn a_backup_that_fails_leaves_no_object() {
    with_members(|members| {
        let server = Server::start();
        fill(&members);
        let refused =
            "refusing to send a snapshot to s3://lab/etcd: it contains everything in the cluster";
        backup(&members, &server, &[]).refused_naming(2, &[refused]);
        let plain = ["--allow-plain-secrets"];

        server.fail(|it, _| it.is("PUT", "partNumber=2&").then_some(Fault::Drop));
        let place = "writing s3://lab/etcd/main-";
        backup(&members, &server, &plain).refused_naming(5, &[place]);
        assert_eq!((server.names(), server.unfinished()), (vec![], 0));

        server.fail(|it, _| it.is("POST", "uploadId=").then_some(Fault::Spoil));
        let other = "returns other bytes than it was sent: SHA-256 ";
        backup(&members, &server, &plain).refused_naming(3, &[other]);
        assert_eq!((server.names(), server.unfinished()), (vec![], 0));
    });
}
