//! `cluster restore --in-place` over a real sshd, with real members, and the programs of the image.

use std::fs;
use std::path::Path;

use age::x25519::Recipient;
use serde_json::Value;

use crate::stores::server::Server;
use crate::stores::{IDENTITY, RECIPIENT, variables};
use crate::support::members::{NAMES, address};
use crate::support::nodes::{Nodes, with_nodes};
use crate::support::scene::PROGRAM;
use crate::support::snapshot::snapshot;
use crate::support::tool::{Said, tool_in};

const RESTORE: [&str; 4] = ["restore", "main.db", "--in-place", "--json"];

/// Returns the value of a key as every member reads it.
fn value(nodes: &Nodes, key: &str) -> String {
    let said = nodes.members.etcdctl(&["get", "--print-value-only", key]);
    said.done().text()
}

fn put(nodes: &Nodes, key: &str, value: &str) {
    let client = nodes.members.client();
    client.put(address(0), key, value).unwrap();
}

/// Lets the command pass or refuses it on a node, when it runs the step.
fn refuse(nodes: &Nodes, node: usize, step: &str) {
    let program = nodes.folder(node).join("bin/sudo");
    let text = format!(
        "#!/bin/sh\n[ \"$4\" != {step} ] || {{ echo 'no space left on device' >&2; exit 1; }}\nshift\nexec \"$@\"\n"
    );
    fs::write(program, text).unwrap();
}

#[track_caller]
fn failed(said: &Said, code: i32, error: &str) {
    let line = format!("error: {error}\n");
    assert!(said.err.contains(&line), "{}", said.words());
    assert_eq!(said.code, Some(code));
}

#[test]
fn all_members_begin_again_with_a_snapshot() {
    with_nodes(|mut nodes| {
        put(&nodes, "kept", "before");
        let access = nodes.members.scene.at("main.db");
        let scene = nodes.members.scene.at("");
        tool_in(&scene, PROGRAM, &["cluster", "backup", "main.db"]).done();
        put(&nodes, "kept", "after");
        put(&nodes, "new", "after");
        let sound = fs::read(&access).unwrap();

        what_cannot_be_restored_changes_nothing(&mut nodes, &access, &sound);
        an_interrupted_restore_continues(&mut nodes);
        a_restore_that_ended_is_not_repeated(&mut nodes);
    });
}

fn what_cannot_be_restored_changes_nothing(nodes: &mut Nodes, access: &Path, sound: &[u8]) {
    fs::write(access, &sound[..sound.len() - 9]).unwrap();
    let said = nodes.cluster(&RESTORE);
    failed(
        &said,
        3,
        "main.db is not a usable snapshot: it ends too early",
    );
    fs::write(access, snapshot(&["a", "b"], "3.5.0", 9)).unwrap();
    let said = nodes.cluster(&RESTORE);
    let error = "the snapshot is of a cluster with the members a, b, and cluster main has etcd1, etcd2, etcd3";
    failed(&said, 2, error);
    fs::write(access, sound).unwrap();
    for (step, doing) in [
        ("facts", "asking"),
        ("take", "sending the snapshot to"),
        ("stop", "stopping etcd on"),
    ] {
        refuse(nodes, 2, step);
        let said = nodes.cluster(&RESTORE);
        failed(&said, 6, &format!("{doing} etcd3: no space left on device"));
        let hint = said.err.lines().last().unwrap();
        assert!(hint.starts_with("hint: nothing was changed"), "{hint}");
        nodes.members.become_healthy();
        assert_eq!(value(nodes, "kept"), "after\n");
    }
}

fn an_interrupted_restore_continues(nodes: &mut Nodes) {
    refuse(nodes, 2, "none");
    refuse(nodes, 1, "want");
    let said = nodes.cluster(&RESTORE);
    failed(&said, 6, "preparing etcd2: no space left on device");
    let hint = "hint: etcd is stopped, and its data is unchanged until it starts; run the command again, which continues; ";
    assert!(said.err.contains(hint), "{}", said.words());
    let said = nodes.cluster(&["status", "--json"]);
    let report: Value = serde_json::from_slice(&said.out).unwrap();
    let warned = |name: &str| {
        let warnings = report["warnings"].as_array().unwrap();
        let place = nodes.members.data(name).join("restore");
        let wanted = format!(
            "{name} sets its data aside and begins again with a snapshot when etcd starts next: run `etcd-image cluster restore` again, or \
             give it up on the node with `sudo rm -r {}`",
            place.display()
        );
        warnings.iter().any(|warning| *warning == wanted)
    };
    assert_eq!(NAMES.map(warned), [true, false, true], "{report:#}");
    refuse(nodes, 1, "facts");
    let said = nodes.cluster(&RESTORE);
    failed(&said, 6, "asking etcd2: no space left on device");
    let hint = "hint: an interrupted restore is not complete: make the node answer, then run the command again";
    assert!(said.err.contains(hint), "{}", said.words());
    refuse(nodes, 1, "none");
    let said = nodes.cluster(&RESTORE).done();
    let report: Value = serde_json::from_slice(&said.out).unwrap();
    assert_eq!(report["nodes"], serde_json::json!(NAMES), "{report:#}");
    assert_eq!(value(nodes, "kept"), "before\n");
    assert_eq!(value(nodes, "new"), "");
    for (member, name) in NAMES.iter().enumerate() {
        let status = nodes.members.client().status(address(member)).unwrap();
        assert!(status.header.unwrap().revision > 1_000_000_000);
        let data = nodes.members.data(name);
        assert!(data.join("aside/1/member/snap/db").is_file());
        assert!(!data.join("aside/2").exists());
    }
}

/// Repeating it would set aside what was written since.
fn a_restore_that_ended_is_not_repeated(nodes: &mut Nodes) {
    put(nodes, "kept", "again");
    let said = nodes.cluster(&RESTORE);
    let start = "error: cluster main has begun again with this snapshot already, at 20";
    assert!(said.err.starts_with(start), "{}", said.words());
    assert_eq!(said.code, Some(4));
    assert_eq!(value(nodes, "kept"), "again\n");
    restore_again_from_a_bucket(nodes);
    assert_eq!(value(nodes, "kept"), "before\n");
    // It goes on above the revisions that clients have seen.
    for member in 0..3 {
        let status = nodes.members.client().status(address(member)).unwrap();
        assert!(status.header.unwrap().revision > 2_000_000_000);
    }
    assert!(
        nodes
            .members
            .data("etcd1")
            .join("aside/2/member/snap/db")
            .is_file()
    );
}

/// Restores the same snapshot, which was sent to a bucket with encryption.
fn restore_again_from_a_bucket(nodes: &mut Nodes) {
    let (scene, server) = (&nodes.members.scene, Server::start());
    let recipient: Recipient = RECIPIENT.parse().unwrap();
    let sealed = age::encrypt(&recipient, &fs::read(scene.at("main.db")).unwrap()).unwrap();
    server.change(|objects| drop(objects.insert("/lab/main.db.age".to_owned(), sealed)));
    scene.file("backup.key", &format!("{IDENTITY}\n"));
    let login = scene.at("key").display().to_string();
    let restore = [
        "restore",
        "s3://lab/main.db.age",
        "--identity",
        "backup.key",
    ];
    let options = ["--in-place", "--again", "--ssh-identity", &login];
    let variables = variables(&server);
    let variables: Vec<&str> = variables.iter().map(String::as_str).collect();
    let words = [restore, options].concat();
    nodes.run(&variables, &words, |_| ()).done();
}

#[test]
fn a_node_that_was_late_begins_again_while_the_others_work() {
    with_nodes(|mut nodes| {
        put(&nodes, "kept", "before");
        nodes.run(&[], &["backup", "main.db"], |_| ()).done();
        put(&nodes, "kept", "after");
        refuse(&nodes, 2, "start");
        let said = nodes.cluster(&RESTORE);
        failed(&said, 6, "starting etcd on etcd3: no space left on device");
        // With `--again`, what the others write from now on would be set aside.
        let hint = "hint: etcd is stopped there, and the others begin with the snapshot; run the command again without `--again`, \
                    which continues; ";
        assert!(said.err.contains(hint), "{}", said.words());
        // The others are a majority: they begin, and accept writes.
        nodes.settle();
        put(&nodes, "kept", "again");
        refuse(&nodes, 2, "none");
        // As by a command with `--again` that was killed.
        nodes.members.end(1);
        let running = nodes.members.process(0);
        nodes.cluster(&RESTORE).done();
        assert_eq!(nodes.members.process(0), running);
        let third = nodes.members.client().get(address(2), "kept").unwrap();
        assert_eq!(third.as_deref(), Some("again"));
    });
}

/// Members were replaced, and only the images that were built since list the new ones.
#[test]
fn nodes_whose_images_list_other_members_begin_one_cluster() {
    with_nodes(|mut nodes| {
        put(&nodes, "kept", "before");
        nodes.run(&[], &["backup", "main.db"], |_| ()).done();
        put(&nodes, "kept", "after");
        for (node, since) in [(0, 1), (1, 2)] {
            let join = nodes.folder(node).join("lib/join");
            let text = fs::read_to_string(&join).unwrap();
            let member = format!("{}=https://{}:2380", NAMES[since], address(since));
            let older = text.replace(&member, "former=https://192.168.0.99:2380");
            assert_ne!(older, text);
            fs::write(join, older).unwrap();
        }
        nodes.cluster(&RESTORE).done();
        for member in 0..3 {
            let kept = nodes.members.client().get(address(member), "kept").unwrap();
            assert_eq!(kept.as_deref(), Some("before"));
        }
    });
}
