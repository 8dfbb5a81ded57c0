//! `cluster rotate-ca` over a real sshd, with real members and the program of the image.

use std::fs;

use etcd_image::etcd::{Client, Timeouts};

use crate::support::members::address;
use crate::support::nodes::{Nodes, with_nodes};
use crate::support::writer::while_writing;

/// Returns the certificates of CAs that a node uses.
fn trusted(nodes: &Nodes, node: usize) -> String {
    fs::read_to_string(nodes.folder(node).join("pki/ca.crt")).unwrap()
}

fn count(pem: &str) -> usize {
    pem.matches("BEGIN CERTIFICATE").count()
}

/// Runs one step, which succeeds and says this.
fn step(nodes: &mut Nodes, words: &[&str], wanted: &str) {
    let said = nodes.cluster(&[&["rotate-ca"], words].concat()).done();
    assert!(said.text().starts_with(wanted), "{}", said.words());
}

fn nothing_to_abort(nodes: &mut Nodes) {
    let said = nodes.cluster(&["rotate-ca", "--abort"]);
    assert_eq!(
        (said.code, said.err.as_str()),
        (
            Some(2),
            "error: there is nothing to abort: the CA of this cluster is not being replaced\n\
             hint: leave `--abort` out to begin the replacement\n"
        )
    );
}

/// Checks what `status` says about the change of the CA.
fn status(nodes: &mut Nodes, phase: Option<usize>) {
    let text = nodes.cluster(&["status"]).text();
    let lines: Vec<_> = text.lines().filter(|line| line.contains(" CA ")).collect();
    let wanted = phase.map(|phase| {
        format!("warning: the CA is being replaced, in phase {phase} of 3; `etcd-image cluster rotate-ca` continues")
    });
    assert_eq!(lines, Vec::from_iter(wanted), "{text}");
}

/// One node is gone: it is named with the way on, and no other restarts.
fn abort_without_a_node(nodes: &mut Nodes) {
    let program = nodes.folder(2).join("bin/sudo");
    let sudo = fs::read_to_string(&program).unwrap();
    let gone = "#!/bin/sh\necho 'Connection closed' >&2\nexit 1\n";
    fs::write(&program, gone).unwrap();
    nodes.etcd_restarted.clear();
    let said = nodes.cluster(&["rotate-ca", "--abort"]);
    let wanted = "error: renewing the certificates of etcd3: Connection closed\n\
        hint: check its power and network, or replace it first with `etcd-image cluster replace etcd3` if it is gone for good, \
        then run the command again, which hands over what is missing\n";
    assert!(said.err.ends_with(wanted), "{}", said.words());
    assert_eq!((said.code, &nodes.etcd_restarted[..]), (Some(6), &[][..]));
    fs::write(&program, sudo).unwrap();
}

#[test]
fn the_ca_is_replaced_in_three_phases_while_a_client_writes() {
    with_nodes(|mut nodes| {
        let state = nodes.members.scene.at("etcd-cluster");
        let former = nodes.members.scene.at("former");
        fs::create_dir(&former).unwrap();
        for name in ["ca.crt", "admin.crt", "admin.key"] {
            fs::copy(state.join(name), former.join(name)).unwrap();
        }
        let first = fs::read_to_string(state.join("ca.crt")).unwrap();
        nothing_to_abort(&mut nodes);
        while_writing(&mut nodes, |nodes| {
            // The first phase is interrupted at one node, and continued.
            let program = nodes.folder(1).join("bin/systemctl");
            let systemctl = fs::read_to_string(&program).unwrap();
            let interrupted = |nodes: &mut Nodes, words: &[&str]| {
                let broken = "#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n";
                fs::write(&program, broken).unwrap();
                let said = nodes.cluster(&[&["rotate-ca"], words].concat());
                let wanted = "error: restarting etcd on etcd2: Failed to connect to bus\n";
                assert!(said.err.contains(wanted), "{}", said.words());
                assert_eq!(said.code, Some(6));
                fs::write(&program, &systemctl).unwrap();
            };
            interrupted(nodes, &[]);
            step(nodes, &[], "phase 1 of 3 is complete: ");
            let mut restarted = nodes.etcd_restarted.clone();
            restarted.sort_unstable();
            assert_eq!(restarted, [0, 1, 2], "each member restarts once");
            let counts = [0, 1, 2].map(|node| count(&trusted(nodes, node)));
            assert_eq!(counts, [2; 3]);
            step(nodes, &[], "phase 2 of 3 is complete: ");
            assert_eq!(nodes.etcd_restarted.len(), 3, "nothing restarts");
            abort_without_a_node(nodes);
            // So is the return.
            interrupted(nodes, &["--abort"]);
            step(nodes, &["--abort"], "aborted: ");
            assert!((0..3).all(|node| trusted(nodes, node) == first));
            step(nodes, &["--all"], "phase 3 of 3 is complete: ");
        });
        let last = fs::read_to_string(state.join("ca.crt")).unwrap();
        assert!(last != first && count(&last) == 1);
        assert!((0..3).all(|node| trusted(&nodes, node) == last));
        for name in ["next-ca.crt", "next-ca.key", "rotation", "trusted-ca.crt"] {
            assert!(!state.join(name).exists(), "{name}");
        }
        let former = Client::open(&former, Timeouts::LABORATORY).unwrap();
        for node in 0..3 {
            former.put(address(node), "key", "value").unwrap_err();
        }
        nodes.cluster(&["status"]).done();
        // A build continues with the new CA.
        let built = nodes.members.scene.build(&["--nodes", "3"]);
        assert!(!built.stderr.contains("reissued"), "{}", built.stderr);
    });
}

/// The certificates that a node has from its image.
const PLACES: [&str; 3] = ["pki/server.crt", "pki/peer.crt", "pki/ca.crt"];

/// Puts certificates of the image of a node back.
fn put_back(nodes: &Nodes, node: usize, texts: &[String]) {
    for (place, text) in PLACES.iter().zip(texts) {
        fs::write(nodes.folder(node).join(place), text).unwrap();
    }
}

#[test]
fn what_a_node_has_lost_is_handed_over_again() {
    with_nodes(|mut nodes| {
        let read = |node, place| fs::read_to_string(nodes.folder(node).join(place)).unwrap();
        let images = [0, 1, 2].map(|node| PLACES.map(|place| read(node, place)));
        step(&mut nodes, &[], "phase 1 of 3 is complete: ");
        status(&mut nodes, Some(1));
        step(&mut nodes, &[], "phase 2 of 3 is complete: ");
        status(&mut nodes, Some(2));
        // Its data was wiped, and it was flashed with an image from before the change.
        put_back(&nodes, 2, &images[2]);
        fs::remove_dir_all(nodes.folder(2).join("data/certificates")).unwrap();
        nodes.etcd_restarted.clear();
        step(&mut nodes, &[], "phase 2 of 3 is complete: ");
        assert_eq!(
            (&nodes.etcd_restarted[..], count(&trusted(&nodes, 2))),
            (&[2][..], 2)
        );

        // The third phase is interrupted at its first node.
        let programs = [0, 1, 2].map(|node| nodes.folder(node).join("bin/systemctl"));
        let systemctl = fs::read_to_string(&programs[0]).unwrap();
        for program in &programs {
            fs::write(
                program,
                "#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n",
            )
            .unwrap();
        }
        let said = nodes.cluster(&["rotate-ca"]);
        assert!(
            said.err.contains("error: restarting etcd on etcd"),
            "{}",
            said.words()
        );
        for program in &programs {
            fs::write(program, &systemctl).unwrap();
        }
        // The clock of another one was wrong when its etcd started.
        let other = (0..3).find(|node| count(&trusted(&nodes, *node)) == 2);
        let other = other.unwrap();
        put_back(&nodes, other, &images[other][..2]);
        step(&mut nodes, &[], "phase 3 of 3 is complete: ");
        status(&mut nodes, None);
        nodes.cluster(&["status"]).done();
    });
}
