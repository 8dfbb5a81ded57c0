//! Checks what is kept of data that is set aside, also if the power fails meanwhile.

use super::join::Node;

/// Otherwise a power cut seconds later would leave an empty file, and nobody would know whose data this is.
#[test]
fn the_description_of_data_is_on_the_disk_before_the_data_is_set_aside() {
    let node = Node::with_data();
    let said = node.call(
        "sync() { case $* in '-f '*/1.new) cat \"$ASIDE/1.new/node/id\"; has_data && echo in place ;; esac; }; set_aside removed",
    );
    assert_eq!(said, "1a\nin place\n");
    assert_eq!(node.read("data/aside/1/node/id"), "1a\n");
    assert!(!node.has("data/node/id"));
}

/// A node keeps three sets, and asks somebody to look at them before it keeps another one.
#[test]
fn what_an_interrupted_attempt_has_left_makes_no_room_for_another_set() {
    for left in ["4", "4.new"] {
        let node = Node::with_data();
        for set in 1..=3 {
            node.write(&format!("data/aside/{set}/member/wal/0.wal"), "log");
        }
        node.write(&format!("data/aside/{left}/unfinished"), "");
        let said = node.call("set_aside removed");
        let waits = "etcd-node: waiting for somebody to look at ";
        assert!(said.starts_with(waits), "{left}: {said}");
        assert!(node.has("data/member/wal/0.wal"), "{left}");
    }
}

/// The disk reports an error after the data was moved. The process exits, and the next one reads what is on the disk.
#[test]
fn a_node_whose_data_has_moved_forgets_what_it_knew_of_it() {
    for (fails, goes_on) in [("1/member", false), ("1.new", true)] {
        let node = Node::with_data();
        let sync = format!("sync() {{ [ ! -e \"$ASIDE/{fails}\" ]; }}");
        let said = node.call(&format!("{sync}; set_aside removed || echo goes on"));
        assert!(said.contains("waiting to set this node's data aside (removed)"));
        assert_eq!(said.ends_with("\ngoes on\n"), goes_on, "{said}");
        assert_eq!(node.has("data/member/wal/0.wal"), goes_on);
    }
}

/// A card may refuse to move the data, and accept everything else.
#[test]
fn attempts_that_fail_again_and_again_leave_nothing() {
    let node = Node::with_data();
    let mv = "mv() { case $2 in */member) return 1 ;; esac; command mv \"$@\"; }";
    let pause = "sleep() { echo pauses $1; }";
    let said = node.call(&format!(
        "{mv}; {pause}; set_aside removed || set_aside removed || echo goes on"
    ));
    let waits = "etcd-node: waiting to set this node's data aside (removed)";
    let pauses = "\npauses 10\npauses 10\ngoes on\n";
    assert!(said.starts_with(waits) && said.ends_with(pauses), "{said}");
    assert!(node.has("data/member/wal/0.wal"));
    assert!(!node.has("data/aside/1") && !node.has("data/aside/2"));
    node.call("set_aside removed");
    assert_eq!(node.read("data/aside/1/node/id"), "1a\n");
    assert!(node.has("data/aside/1/member/wal/0.wal"));
}

/// Without memory, no number is drawn at first. The others would count with what the node answers instead of it.
#[test]
fn a_node_has_a_number_once_its_data_is_set_aside() {
    let node = Node::with_data();
    let draw = "od() { [ -e \"$RUN/late\" ] && command od \"$@\"; : >\"$RUN/late\"; }";
    node.call(&format!("{draw}; set_aside removed"));
    assert_eq!(node.read("data/node/number").trim().len(), 32);
}
