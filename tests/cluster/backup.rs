//! `cluster backup` of real members, checked by etcdutl, while all works and after failures.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::support::members::{Members, NAMES, address, program, with_members};
use crate::support::scene::{Outcome, PROGRAM};
use crate::support::tool::{Said, tool, tool_in};

fn backup(members: &Members, options: &[&str]) -> Outcome {
    members
        .scene
        .bare(&[&["cluster", "backup"], options].concat())
}

/// Runs a command of etcdutl on a snapshot.
fn etcdutl(words: &[&str]) -> Said {
    tool(program("etcdutl").to_str().unwrap(), words)
}

/// Writes about three megabytes.
fn fill(members: &Members) {
    let (client, value) = (members.client(), "x".repeat(1 << 20));
    for key in ["a", "b", "c"] {
        client.put(address(0), key, &value).unwrap();
    }
}

#[test]
fn etcdutl_accepts_and_restores_what_a_follower_sent() {
    with_members(|members| {
        fill(&members);
        let leader = NAMES[members.leader()];
        let outcome = backup(&members, &["saved.db", "--json"]).done();
        let facts: Value = serde_json::from_str(&outcome.stdout).unwrap();
        // A busy machine may have caused an election.
        assert!(facts["member"] != leader || NAMES[members.leader()] != leader);
        assert_eq!(facts["members"][2]["version"], "3.5.16");
        assert!(facts["revision"].as_u64().unwrap() >= 4, "{facts}");
        let saved = members.scene.at("saved.db");
        assert_eq!(
            fs::metadata(&saved).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(members.scene.text("saved.db.json"), outcome.stdout);
        let saved = saved.to_str().unwrap();
        let status = etcdutl(&["snapshot", "status", saved, "--write-out=json"]).done();
        let status: Value = serde_json::from_slice(&status.out).unwrap();
        assert_eq!(
            status["totalSize"].as_u64().unwrap() + 32,
            facts["size"],
            "{status}"
        );
        let data = members.scene.at("tmp/restored");
        let restore = [
            "snapshot",
            "restore",
            saved,
            "--data-dir",
            data.to_str().unwrap(),
        ];
        etcdutl(&restore).done();
        // The checker rejects a changed byte.
        let mut bytes = fs::read(saved).unwrap();
        bytes[100_000] ^= 1;
        let changed = members.scene.at("changed.db");
        fs::write(&changed, bytes).unwrap();
        let again = members.scene.at("tmp/again");
        let changed = changed.to_str().unwrap();
        let restore = [
            "snapshot",
            "restore",
            changed,
            "--data-dir",
            again.to_str().unwrap(),
        ];
        assert_ne!(etcdutl(&restore).code, Some(0));
        // A file is never replaced.
        backup(&members, &["saved.db"]).refused_naming(2, &["saved.db exists already"]);
        backup(&members, &["new.db", "--keep", "3"]).refused_naming(
            2,
            &["--keep is for a directory of backups, and new.db is a file"],
        );
        backup(&members, &["nowhere/new.db"]).refused_naming(5, &["writing nowhere/new.db"]);
    });
}

#[test]
fn one_member_may_be_down_but_not_two() {
    with_members(|mut members| {
        members.kill(members.leader());
        members.become_healthy();
        backup(&members, &["one.db"]).done();
        let saved = members.scene.at("one.db");
        etcdutl(&["snapshot", "status", saved.to_str().unwrap()]).done();
        members.kill(members.leader());
        let outcome = backup(&members, &["two.db"]);
        outcome.refused_naming(6, &["cluster main has no healthy member to save: etcd"]);
        assert!(!members.scene.at("two.db").exists());
    });
}

#[test]
fn older_snapshots_of_this_cluster_are_removed() {
    with_members(|members| {
        let old = ["main-20250101T000000Z.db", "main-20250102T000000Z.db"];
        let other = [
            "main-by-hand.db",
            "other-20250101T000000Z.db",
            ".etcd-image-x.partial",
        ];
        for name in old.iter().chain(&other) {
            members.scene.file(&format!("backups/{name}"), "");
        }
        members
            .scene
            .file(&format!("backups/{}.json", old[0]), "{}");
        let text = backup(&members, &["--keep", "2"]).done().stdout;
        assert!(
            text.ends_with(&format!("removed backups/{}\n", old[0])),
            "{text}"
        );
        let names = members.scene.names("backups");
        assert_eq!(names.len(), 5, "{names:?}");
        assert!(
            names[1].starts_with("backups/main-2") && names[1].ends_with("Z.db"),
            "{names:?}"
        );
        assert_eq!(names[0], format!("backups/{}", old[1]));
        assert_eq!(names[2], format!("{}.json", names[1]));
        assert_eq!(
            names[3..],
            [
                "backups/main-by-hand.db",
                "backups/other-20250101T000000Z.db"
            ]
        );
    });
}

#[test]
fn a_full_disk_and_a_killed_command_leave_no_snapshot() {
    with_members(|members| {
        fill(&members);
        let small = members.scene.at("small");
        fs::create_dir(&small).unwrap();
        let place = small.to_str().unwrap();
        tool("mount", &["-t", "tmpfs", "-o", "size=1m", "tmpfs", place]).done();
        backup(&members, &["small"]).refused_naming(5, &["writing small/main-"]);
        assert_eq!(left(&small), Vec::<String>::new());
        fs::create_dir(members.scene.at("killed")).unwrap();
        let (state, out) = (members.scene.at("etcd-cluster"), members.scene.at("killed"));
        for milliseconds in [20, 60, 100, 150, 200, 300] {
            let limit = format!("{}", f64::from(milliseconds) / 1000.0);
            let words = ["--signal=KILL", &limit, PROGRAM, "cluster", "backup"];
            let places = ["--state", state.to_str().unwrap(), out.to_str().unwrap()];
            tool_in(&small, "timeout", &[&words[..], &places].concat());
        }
        let is_snapshot = |name: &String| Path::new(name).extension().is_some_and(|it| it == "db");
        let complete = left(&out).into_iter().filter(is_snapshot);
        for name in complete {
            etcdutl(&["snapshot", "status", out.join(name).to_str().unwrap()]).done();
        }
        // The next command cleans up. The name of its file is new even within the same second.
        backup(&members, &["killed/next.db"]).done();
        assert!(
            left(&out).iter().all(|name| !name.ends_with(".partial")),
            "{:?}",
            left(&out)
        );
    });
}

fn left(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
