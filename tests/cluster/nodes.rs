//! Commands that log in to nodes, with a real sshd on each one.

use std::fs;

use serde_json::Value;

use crate::support::members::{Members, NAMES};
use crate::support::nodes::with_nodes;
use crate::support::writer::while_writing;

#[test]
fn the_messages_of_a_node_are_shown_without_control_characters() {
    with_nodes(|mut nodes| {
        let said = nodes.cluster(&["logs", "etcd2", "--lines", "7"]).done();
        let asked = "asked: --no-pager --quiet --output=short-iso --lines=7 --unit=etcd --unit=etcd-node-data --unit=etcd-node-grow";
        assert_eq!(said.text(), format!("{asked}\n\\u{{1b}}[2Jlast\n"));
        let said = nodes
            .cluster(&["logs", "etcd2", "--everything", "--json"])
            .done();
        let logs: Value = serde_json::from_slice(&said.out).unwrap();
        assert_eq!(logs["node"], "etcd2");
        assert_eq!(
            logs["lines"][0],
            "asked: --no-pager --quiet --output=short-iso --lines=100"
        );
        // ssh replaces a percent sign in the path of a key.
        let scene = &nodes.members.scene;
        fs::create_dir(scene.at("50% h")).unwrap();
        let key = scene.at("50% h/~key").display().to_string();
        fs::copy(scene.at("key"), &key).unwrap();
        let words = ["logs", "etcd1", "--ssh-identity", &key];
        nodes.run(&[], &words, |_| ()).done();
        let said = nodes.run(&[], &["logs", "etcd1", "--ssh-identity", "none"], |_| ());
        let wanted = "error: reading the SSH key none: failed to query resolved metadata `none`: No such file or directory (os \
                      error 2)\nhint: name an existing private key, or leave `--ssh-identity` out to use those of ssh\n";
        assert_eq!((said.code, said.err.as_str()), (Some(2), wanted));
        let said = nodes.cluster(&["logs", "etcd9"]);
        assert_eq!(
            (said.code, said.err.as_str()),
            (
                Some(2),
                "error: cluster main has no node `etcd9`\nhint: its nodes are etcd1, etcd2, etcd3\n"
            )
        );
        // The host key of another node.
        let known = nodes.members.scene.at("etcd-cluster/known_hosts");
        let text = fs::read_to_string(&known).unwrap();
        let mut keys: Vec<_> = text
            .lines()
            .map(|line| line.split_once(' ').unwrap())
            .collect();
        let last = keys.len() - 1;
        (keys[0].1, keys[last].1) = (keys[last].1, keys[0].1);
        let text: Vec<_> = keys
            .iter()
            .map(|(host, key)| format!("{host} {key}\n"))
            .collect();
        fs::write(&known, text.concat()).unwrap();
        let said = nodes.cluster(&["logs", "etcd1"]);
        let wanted =
            "error: reading the messages of etcd1: its host key is not the one in known_hosts\n";
        assert!(said.err.starts_with(wanted), "{}", said.err);
        assert_eq!(said.code, Some(6));
    });
}

#[test]
fn all_nodes_restart_one_by_one_while_a_client_writes() {
    with_nodes(|mut nodes| {
        let (leader, before) = (nodes.members.leader(), nodes.members.term());
        let said = while_writing(&mut nodes, |nodes| {
            nodes.cluster(&["reboot", "--rolling", "--json"])
        });
        let done: Value = serde_json::from_slice(&said.done().out).unwrap();
        let order = done["nodes"].as_array().unwrap();
        let order: Vec<_> = order
            .iter()
            .map(|node| node["name"].as_str().unwrap())
            .collect();
        let restarted: Vec<_> = nodes.restarted.iter().map(|at| NAMES[*at]).collect();
        assert_eq!(order, restarted);
        assert_eq!(restarted.len(), 3);
        // It is last, unless a busy machine has caused an election besides the one by which it gives up the lead.
        nodes.members.become_healthy();
        if nodes.members.term() == before + 1 {
            assert_eq!(restarted[2], NAMES[leader]);
        }
        // One node is off: no other may restart, but that one may.
        nodes.members.kill(0);
        let said = nodes.cluster(&["reboot", "etcd2"]);
        let wanted = "error: cluster main would lose its majority without etcd2: 1 of 3 members would work, 2 must: \
                      etcd1 does not answer: Connection refused (os error 111)\n";
        assert!(said.err.starts_with(wanted), "{}", said.err);
        assert_eq!((said.code, nodes.restarted.len()), (Some(6), 3));
        nodes.cluster(&["reboot", "etcd1"]).done();
        assert_eq!(nodes.restarted[3..], [0]);
    });
}

/// Nobody has repeated or given up a restore that was interrupted.
#[test]
fn a_node_that_would_begin_again_with_a_snapshot_does_not_restart() {
    with_nodes(|mut nodes| {
        let place = nodes.members.data("etcd2").join("restore");
        fs::create_dir(&place).unwrap();
        fs::write(place.join("wanted"), "00ff00ff00ff00ff\n").unwrap();
        let said = nodes.cluster(&["reboot", "etcd2"]);
        let place = place.display();
        let wanted = format!(
            "error: etcd2 would set its data aside and begin again with a snapshot: a restore is prepared in {place}\n\
             hint: run `etcd-image cluster restore` again, or give it up on the node with `sudo rm -r {place}`; etcd2 was not \
             restarted\n"
        );
        assert_eq!((said.code, said.err.as_str()), (Some(4), wanted.as_str()));
        nodes.cluster(&["reboot", "etcd1"]).done();
        assert_eq!(nodes.restarted, [0]);
    });
}

/// It may be the one that would begin again with a snapshot.
#[test]
fn a_node_that_cannot_be_asked_about_a_restore_does_not_restart() {
    with_nodes(|mut nodes| {
        let sudo = nodes.folder(1).join("bin/sudo");
        let plain = fs::read_to_string(&sudo).unwrap();
        let when_asked = |act: &str| {
            let first = format!("#!/bin/sh\ncase $* in *' pending') {act} ;; esac\n");
            fs::write(&sudo, plain.replacen("#!/bin/sh\n", &first, 1)).unwrap();
        };
        when_asked("sleep 60");
        let said = nodes.cluster(&["reboot", "etcd2", "--ssh-timeout", "10"]);
        let wanted = "error: logging in on etcd2: it did not end within 10 s\n\
                      hint: check its power and network, or give a slow node more time with `--ssh-timeout`\n";
        assert_eq!((said.code, said.err.as_str()), (Some(6), wanted));
        assert!(nodes.restarted.is_empty());
        // That of an older image does not know the question.
        when_asked("exit 2");
        nodes.cluster(&["reboot", "etcd2"]).done();
        assert_eq!(nodes.restarted, [1]);
    });
}

#[test]
fn a_node_that_stays_off_ends_the_command_before_the_next_node() {
    with_nodes(|mut nodes| {
        let mut off = None;
        let key = nodes.members.scene.at("key").display().to_string();
        let words = ["reboot", "--rolling", "--wait", "1", "--ssh-identity", &key];
        let said = nodes.run(&[], &words, |nodes| {
            let asked = |node: &usize| nodes.folder(*node).join("restart").exists();
            if let (None, Some(node)) = (off, (0..3).find(asked)) {
                // Its power supply fails.
                fs::remove_file(nodes.folder(node).join("restart")).unwrap();
                Members::cut(node);
                nodes.members.kill(node);
                off = Some(node);
            }
        });
        let node = off.expect("no node was restarted");
        let wanted = format!(
            "error: {} has not restarted within 1 minute: ssh: connect to host 192.168.0.{} port 22: No route to host\n\
             hint: switch its power off and on, and look at its console; no further node was restarted, and --wait gives a node \
             more time\n",
            NAMES[node],
            50 + node
        );
        assert!(said.err.ends_with(&wanted), "{}", said.words());
        assert_eq!((said.code, &nodes.restarted[..]), (Some(6), &[][..]));
        Members::connect(node);
        nodes.members.resume(node);
        nodes.settle();
        nodes.cluster(&["reboot", "--rolling"]).done();
        assert_eq!(nodes.restarted.len(), 3);
    });
}
