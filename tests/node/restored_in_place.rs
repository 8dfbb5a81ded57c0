//! Checks how a node begins anew with a snapshot that its operator has sent, and with which members.

use super::join::Node;

const VOW: &str = "00ff00ff00ff00ff";
/// The SHA-256 of `whole`.
const SHA256: &str = "5d5766cf2d78701614200418ee1450690d9af12c84d52545e4802f001ad53099";

/// A restore is asked for on this node.
fn want(node: &Node) {
    node.write("data/restore/snapshot.db", "whole");
    node.write("data/restore/sha256", &format!("{SHA256}\n"));
    node.write("data/restore/wanted", &format!("{VOW} {SHA256}\n"));
}

/// Another node was replaced after this image was built.
#[test]
fn a_restore_begins_with_the_members_that_the_operator_knows() {
    let begin = "restore() { echo \"$2 $CLUSTER\"; }; begin_anew";
    let node = Node::with_data();
    want(&node);
    let list = "a=https://192.168.0.50:2380,d=https://[fd00::53]:2380";
    node.write("data/restore/members", &format!("{list}\n"));
    let said = node.call(begin);
    assert_eq!(
        said.lines().last(),
        Some(&*format!("00ff00ff00ff00ff {list}")),
        "{said}"
    );
    assert_eq!(
        node.read("data/node/members"),
        "d=https://[fd00::53]:2380=https://[fd00::53]:2379\n"
    );
    // An earlier version has asked for it.
    let node = Node::with_data();
    want(&node);
    node.write("data/restore/wanted", &format!("{VOW}\n"));
    let list =
        "a=https://192.168.0.50:2380,b=https://192.168.0.51:2380,c=https://192.168.0.52:2380";
    let said = node.call(begin);
    assert!(
        said.ends_with(&format!("\n00ff00ff00ff00ff {list}\n")),
        "{said}"
    );
}

/// The cluster was restored before, and has used the revisions above an older snapshot.
#[test]
fn a_restore_skips_revisions_as_often_as_its_vow_says() {
    let node = Node::with_data();
    want(&node);
    let list = "a=https://192.168.0.50:2380";
    node.write("data/restore/members", &format!("{list}\n"));
    node.write("data/restore/wanted", &format!("{VOW}-3 {SHA256} again\n"));
    let said = node.call("restore() { echo \"$2 $(skipped \"$2\")\"; }; begin_anew");
    assert!(said.ends_with(&format!("\n{VOW}-3 3000000000\n")), "{said}");
    assert_eq!(node.call(&format!("skipped {VOW}")), "1000000000\n");
}

/// A disk has lost the data of a member whose forcing was interrupted.
#[test]
fn data_that_is_restored_or_received_is_not_forced() {
    for begin in ["start_over", "restore() { :; }; begin_anew"] {
        let node = Node::with_data();
        want(&node);
        node.write("data/restore/members", "a=https://192.168.0.50:2380\n");
        let marks = "keep forced unfinished; keep ids 2b; keep ahead '900 700'; keep learner yes";
        node.call(&format!("{marks}; rm -r $DATA/member; {begin}"));
        for mark in ["forced", "ids", "ahead", "learner"] {
            assert!(!node.has(&format!("data/node/{mark}")), "{begin}: {mark}");
        }
    }
}

#[test]
fn a_restore_of_another_node_is_not_carried_out() {
    let begin = "restore() { echo restored; }; begin_anew && echo goes on";
    let list = "a=https://192.168.0.50:2380,b=https://192.168.0.51:2380";
    for (mark, restores) in [("own", true), ("b", false)] {
        let node = Node::with_data();
        want(&node);
        node.write("data/restore/members", &format!("{list}\n"));
        let token = node.call("echo $TOKEN");
        let mark = match mark {
            "own" => format!("{} a\n", token.trim()),
            name => format!("{} {name}\n", token.trim()),
        };
        node.write("data/restore/for", &mark);
        let said = node.call(begin);
        assert_eq!(said.contains("restored\n"), restores, "{said}");
        assert!(said.ends_with("goes on\n"), "{said}");
        if !restores {
            let wanted = "etcd-node: refused the restore that is prepared beside the data: it was asked for on b. Its snapshot is removed\n\
                          goes on\n";
            assert_eq!(said, wanted);
            assert_eq!(node.read("data/restore/wanted"), "");
            assert_eq!(node.read("data/member/wal/0.wal"), "log");
        }
    }
}

/// A power cut may have left the digest of a snapshot that is not on the disk: the next command sends it again.
#[test]
fn a_snapshot_that_is_damaged_on_the_disk_is_not_taken_for_sent() {
    for (content, digest) in [("whole", true), ("", false)] {
        let node = Node::new();
        want(&node);
        node.write("data/restore/snapshot.db", content);
        node.call("restore() { return 1; }; begin_anew");
        assert_eq!(
            node.read("data/restore/sha256").contains(SHA256),
            digest,
            "{content}"
        );
    }
}

/// Another command has put its snapshot there after this one had made sure of its own.
#[test]
fn a_vow_meets_no_other_snapshot() {
    let node = Node::with_data();
    want(&node);
    // The SHA-256 of `other`.
    let other = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa";
    node.write("data/restore/snapshot.db", "other");
    node.write("data/restore/sha256", &format!("{other}\n"));
    let said = node.call("restore() { echo restored; }; begin_anew || echo waits");
    let wanted = "etcd-node: waiting to restore the snapshot: it is not the one that was asked for. Run the restore again\nwaits\n";
    assert_eq!(said, wanted);
    assert_eq!(node.read("data/member/wal/0.wal"), "log");
}

/// A file system was damaged, and its repair has removed the log.
#[test]
fn a_restore_sets_a_database_without_a_log_aside() {
    let node = Node::new();
    want(&node);
    node.write("data/member/snap/db", "the last copy");
    let said = node.call("restore() { echo restored; }; begin_anew");
    assert!(said.ends_with("\nrestored\n"), "{said}");
    assert_eq!(node.read("data/aside/1/member/snap/db"), "the last copy");
    assert!(node.has("data/aside/1/restored"));
}

/// The members may change before an interrupted restore is repeated.
#[test]
fn a_restore_is_remembered_with_the_members_that_began() {
    let node = Node::with_data();
    let list = "a=https://192.168.0.50:2380,d=https://[fd00::53]:2380";
    for (name, text) in [("sha256", "ab"), ("wanted", "00ff ab"), ("members", list)] {
        node.write(&format!("data/restore/{name}"), &format!("{text}\n"));
    }
    node.call("vow=00ff; keep id \"$(vowed_id)\"; forget_restore");
    let kept = node.read("data/node/restored");
    let words: Vec<_> = kept.split_whitespace().collect();
    assert!(
        matches!(words[..], ["ab", "00ff", _, kept] if kept == list),
        "{kept}"
    );
    let facts = node.program("restore", "facts");
    assert!(facts.contains(&format!("\nrestored={kept}")), "{facts}");
}
