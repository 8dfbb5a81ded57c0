//! Checks that a program that prints nothing, as one that the kernel has killed, leaves nothing that lasts.

use super::join::Node;

/// The others would wait for ever for a node without a number.
#[test]
fn a_node_draws_its_number_until_it_has_one() {
    let node = Node::new();
    let said = node.call("od() { :; }; start_over || echo again");
    let wanted = "etcd-node: waiting for a random number. The memory may be too small: see journalctl -k\nagain\n";
    assert_eq!(said, wanted);
    node.call("start_over || echo again");
    assert_eq!(node.read("data/node/number").trim().len(), 32);
}

#[test]
fn a_node_without_a_number_does_not_end_those_that_ask_it() {
    let node = Node::new();
    // The connection of the second one has ended early.
    for words in ["  -\n", ""] {
        let answer = format!("HTTP/1.0 200 OK\r\n\r\netcd-node b{words}");
        node.write("run/answer.b", &answer);
        let said = node.call("know id; know vow; number=1; facts_of_peers");
        assert!(
            said.starts_with("peer b waits -\npeer c silent\n"),
            "{said}"
        );
    }
}

/// Its own data would later pass for that of another cluster.
#[test]
fn data_is_marked_only_with_the_fingerprint_of_its_authority() {
    let node = Node::with_data();
    let before = node.read("data/node/identity");
    for broken in ["sha256sum() { :; }", "CA_CERT=/dev/null"] {
        let said = node.call(&format!("{broken}; identify || echo waits"));
        assert!(
            said.starts_with("etcd-node: waiting to read the certificates of the CA in ")
                && said.ends_with("\nwaits\n"),
            "{said}"
        );
        assert_eq!(node.read("data/node/identity"), before);
    }
}

/// All others would seem to be off.
#[test]
fn a_node_waits_for_its_certificates_and_keys() {
    let node = Node::new();
    let files = ["ca.crt", "server.crt", "server.key", "peer.crt", "peer.key"];
    for name in files {
        node.write(&format!("pki/{name}"), "PEM");
    }
    assert_eq!(node.call("may_read_keys && echo goes on"), "goes on\n");
    for name in files {
        node.write(&format!("pki/{name}"), "");
        let said = node.call("may_read_keys || echo waits");
        let wanted = "etcd-node: waiting to read ";
        assert!(
            said.starts_with(wanted)
                && said.contains(&format!("/{name}, which is missing, empty or")),
            "{said}"
        );
        assert!(said.ends_with("\nwaits\n"), "{said}");
        node.write(&format!("pki/{name}"), "PEM");
    }
    let said = node.call("SCHEME=http; rm $PEER_KEY; may_read_keys && echo goes on");
    assert_eq!(said, "goes on\n");
}

/// The repair of a file system may have left an empty file.
#[test]
fn a_restore_that_cannot_be_read_is_reported() {
    let node = Node::with_data();
    node.write("data/restore/wanted", "");
    let said = node.call("begin_anew || echo waits");
    let begin = "etcd-node: waiting to restore the snapshot: ";
    assert!(
        said.starts_with(begin) && said.ends_with("\nwaits\n"),
        "{said}"
    );
    // While a snapshot arrives, it still waits. Once somebody has followed the advice, etcd starts with the data that this node has.
    let said = node.call(
        "begin_anew || { rm $DATA/restore/wanted; begin_anew 2>/dev/null || rm -r $DATA/restore; begin_anew && echo goes on; }",
    );
    assert!(
        said.starts_with(begin) && said.ends_with("\ngoes on\n"),
        "{said}"
    );
    assert!(node.has("data/member/wal/0.wal"));
}

/// A member that is not on the list sets its data aside, and one that remembers nobody takes the others for another cluster.
#[test]
fn an_empty_list_of_members_is_no_list() {
    let node = Node::with_data();
    let healthy = "https://192.168.0.51:2379 is healthy: took = 2ms";
    node.etcdctl(&format!("case $* in *health) echo '{healthy}' ;; esac"));
    let ask = "know id; running=https://192.168.0.51:2379; facts_of_cluster";
    assert_eq!(node.call(ask), "");
    node.write("data/node/members", "b=x=y\n");
    node.call("know id; remember_members");
    assert_eq!(node.read("data/node/members"), "b=x=y\n");

    let node = Node::new();
    let said = node.call("start_over; join || echo waits");
    assert!(
        said.starts_with("etcd-node: waiting for room in ") && said.ends_with("\nwaits\n"),
        "{said}"
    );
}

/// With room for some of its notes only, or without memory for a program that reads them, it would start etcd.
#[test]
fn a_node_never_forgets_whose_data_it_has() {
    let node = Node::with_data();
    node.call("NAME=b identify");
    let look = "know id; know vow; number=-; looks=0; ask_all() { :; }; listens() { return 1; }";
    let said = node.call(&format!("{look}; cat() {{ :; }}; look || echo waits"));
    let refused = "etcd-node: refused the data on this node: it belongs to b of this cluster";
    assert!(said.starts_with(refused), "{said}");
}

/// A card has damaged what is beside the data, or there is no memory for a process that compares it.
#[test]
fn data_is_not_used_while_nobody_knows_whose_it_is() {
    let look = "know id; know vow; number=-; looks=0; ask_all() { :; }; listens() { return 1; }";
    for before in [
        "echo b >$STATE/identity",
        ": >$STATE/identity",
        "same_authority() { exit 2; }",
    ] {
        let node = Node::with_data();
        let said = node.call(&format!("{before}; {look}; look || echo waits"));
        let refused =
            "etcd-node: refused the data on this node: it belongs to a node that this image";
        assert!(said.starts_with(refused), "{before}: {said}");
        assert!(said.ends_with("\nwaits\n"), "{before}: {said}");
    }
}

/// Without memory for a program that reads the notes beside its data, it would start etcd as before.
#[test]
fn a_node_reads_the_notes_beside_its_data_without_programs() {
    for (note, fact) in [
        ("ahead '9 7'", "ahead 9 7\n"),
        ("forced unfinished", "unfinished yes\n"),
        ("forced yes", ""),
    ] {
        let node = Node::with_data();
        let without = "cat() { return 1; }; grep() { return 1; }";
        let facts = node.call(&format!("keep {note}; {without}; facts_of_data"));
        assert_eq!(facts, fact);
    }
}

/// It waited without data when it was switched on. Others would begin a new cluster with it, or without its data.
#[test]
fn a_node_that_cannot_change_its_answer_gives_none() {
    let node = Node::with_data();
    node.write("run/said", "etcd-node a 1 2\n");
    let no_room = "trap '' XFSZ; ulimit -f 0";
    node.call(&format!("{no_room}; answer holds -"));
    assert!(!node.has("run/said"));
    // There is room again.
    node.call("answer holds -");
    assert_eq!(node.read("run/said"), "etcd-node a holds -\n");
}

/// Everything else is on the card and on other nodes, but what a node knows about them is in memory.
#[test]
fn a_node_that_cannot_note_what_it_knows_decides_nothing() {
    let node = Node::with_data();
    node.call("NAME=b identify");
    let look = "know id; know vow; number=-; looks=0; ask_all() { :; }; listens() { return 1; }; find_busy() { :; }";
    let said = node.call(&format!(
        "{look}; trap '' XFSZ; ulimit -f 0; look || echo waits"
    ));
    assert!(
        said.starts_with("etcd-node: waiting for room in ") && said.ends_with("\nwaits\n"),
        "{said}"
    );
    let said = node.call("trap '' XFSZ; ulimit -f 0; configure new x y || echo fails");
    assert!(
        said.starts_with("etcd-node: waiting for room in ") && said.ends_with("\nfails\n"),
        "{said}"
    );
    let said = node.call(&format!("{look}; look || echo waits"));
    assert!(
        said.starts_with("etcd-node: refused the data on this node"),
        "{said}"
    );
}
