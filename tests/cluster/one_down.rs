//! Commands that log in to nodes, and the choice of a leader, while the board of one member is off.

use serde_json::Value;

use crate::support::members::{Members, NAMES, address};
use crate::support::nodes::{Nodes, with_nodes};
use crate::support::tool::Said;

/// Runs a command when the members that are on have a leader.
fn run(nodes: &mut Nodes, words: &[&str]) -> Said {
    nodes.members.become_healthy();
    nodes.cluster(words)
}

#[track_caller]
fn failed(said: &Said, error: &str, hint: &str) {
    let (message, step) = said.err.split_once("\nhint: ").unwrap();
    assert!(message.contains(error), "{}", said.words());
    assert!(step.contains(hint), "{}", said.words());
    assert_eq!(said.code, Some(6), "{}", said.words());
}

/// Returns what a renewal has done to each node.
fn outcomes(said: &Said) -> [String; 3] {
    let report: Value = serde_json::from_slice(&said.out).unwrap();
    [0, 1, 2].map(|node| {
        let outcome = &report["nodes"][node]["outcome"];
        outcome.as_str().unwrap().to_owned()
    })
}

/// What needs every node changes none of them.
fn refused(nodes: &mut Nodes, off: &str) {
    let said = run(nodes, &["restore", "good.db", "--in-place"]);
    let error = format!("error: asking {off}: ssh: connect to host ");
    failed(&said, &error, "nothing was changed");
    let said = run(nodes, &["rotate-ca"]);
    let error = format!("error: cluster main is degraded: {off} does not answer: ");
    failed(&said, &error, "check the power and network");
    assert!(!nodes.members.scene.at("etcd-cluster/rotation").exists());
    assert!(nodes.etcd_restarted.is_empty());
    let said = run(nodes, &["logs", off]);
    let error = format!("error: reading the messages of {off}: ssh: connect to host ");
    failed(&said, &error, "check its power and network");
}

#[test]
fn the_other_nodes_are_looked_after_while_a_board_is_off() {
    with_nodes(|mut nodes| {
        let client = nodes.members.client();
        client.put(address(0), "kept", "value").unwrap();
        nodes.run(&[], &["backup", "good.db"], |_| ()).done();
        let leader = nodes.members.leader();
        let [off, other] = [(leader + 1) % 3, (leader + 2) % 3];
        Members::cut(off);
        nodes.members.kill(off);

        refused(&mut nodes, NAMES[off]);
        run(&mut nodes, &["logs", NAMES[other]]).done();
        nodes.members.become_healthy();
        nodes.run(&[], &["move-leader"], |_| ()).done();
        let renew = ["renew", "--within", "5000d", "--json"];
        let said = run(&mut nodes, &renew);
        let error = format!("error: renewing the certificates of {}: ssh: ", NAMES[off]);
        failed(&said, &error, "check its power and network");
        let mut wanted = ["renewed"; 3];
        wanted[off] = "failed";
        assert_eq!(outcomes(&said), wanted);

        // The board is on again.
        Members::connect(off);
        nodes.members.resume(off);
        let said = run(&mut nodes, &["renew", "--json"]).done();
        let mut wanted = ["current"; 3];
        wanted[off] = "renewed";
        assert_eq!(outcomes(&said), wanted);
        run(&mut nodes, &["status"]).done();
        let client = nodes.members.client();
        for node in 0..3 {
            let kept = client.get(address(node), "kept").unwrap();
            assert_eq!(kept.as_deref(), Some("value"));
        }
    });
}
