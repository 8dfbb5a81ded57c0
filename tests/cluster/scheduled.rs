//! `[backup]`: the node's own program with real members, on the data partition and over a real sshd.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::members::{NAMES, address, program, until};
use crate::support::nodes::{CLUSTER, Nodes, with_nodes};
use crate::support::rendered::rendered;
use crate::support::tool::{Said, tool};

/// Writes the program of a node, and returns it.
fn backup(nodes: &Nodes, node: usize, table: &str) -> PathBuf {
    let configuration = format!("[backup]\nkeep = 2\n{table}\n{CLUSTER}");
    let folder = nodes.folder(node);
    let state = nodes.members.scene.at("etcd-cluster");
    let text = |name: &str| {
        let text = rendered(&configuration, &format!("/usr/local/lib/etcd-node/{name}"));
        let at = |path: &Path| path.display().to_string();
        text.replace(
            "https://192.168.0.50:2379",
            &format!("https://{}:2379", address(node)),
        )
        .replace("/usr/local/lib/etcd-node/etcdctl", &at(&program("etcdctl")))
        .replace("/usr/local/lib/etcd-node", &at(&folder))
        .replace("/etc/etcd/pki/ca.crt", &at(&state.join("ca.crt")))
        .replace("/etc/etcd/pki", &at(&nodes.members.certificates(node)))
        .replace(
            "/etc/ssh/ssh_host_ed25519_key",
            &at(&state.join(format!("nodes/{}/ssh_host_ed25519_key", NAMES[node]))),
        )
        .replace("/var/lib/etcd", &at(&folder.join("data")))
    };
    if table.contains("ssh://") {
        fs::write(folder.join("backup_host"), text("backup_host")).unwrap();
    }
    let script = folder.join("backup");
    fs::write(&script, text("backup")).unwrap();
    script
}

fn run(script: &Path) -> Said {
    tool("sh", &[script.to_str().unwrap()])
}

/// Runs the program of a node while this member leads: a busy machine may cause an election at any moment.
fn run_led_by(nodes: &Nodes, leader: usize, node: usize) -> Said {
    loop {
        let term = nodes.members.term();
        let said = run(&nodes.folder(node).join("backup"));
        if (nodes.members.leader(), nodes.members.term()) == (leader, term) {
            return said;
        }
        if node != leader {
            // It may have saved a snapshot as the leader.
            let _ = fs::remove_dir_all(nodes.folder(node).join("data/backups"));
        }
        let words = ["cluster", "move-leader", NAMES[leader]];
        nodes.members.scene.bare(&words).done();
        // A snapshot is named after its second.
        tool("sleep", &["1.1"]).done();
    }
}

/// Gives a node a data partition of 4 GiB, and returns it.
fn roomy(nodes: &Nodes, node: usize) -> PathBuf {
    let data = nodes.folder(node).join("data");
    let mount = ["-t", "tmpfs", "-o", "size=4G", "tmpfs"];
    tool("mount", &[&mount[..], &[data.to_str().unwrap()]].concat()).done();
    data
}

fn snapshots(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn only_the_leader_saves_and_never_without_room() {
    with_nodes(|mut nodes| {
        let leader = nodes.members.leader();
        for node in 0..3 {
            let data = roomy(&nodes, node);
            backup(&nodes, node, "to = \"data\"");
            // Three in different seconds, of which two are kept.
            for _ in 0..3 {
                let said = run_led_by(&nodes, leader, node).done().text();
                let wanted = node == leader;
                assert_eq!(
                    said.starts_with("etcd-node: backup: saved main-"),
                    wanted,
                    "{said}"
                );
                tool("sleep", &["1.1"]).done();
            }
            let saved = snapshots(&data.join("backups"));
            assert_eq!(saved.len(), if node == leader { 2 } else { 0 });
            for file in saved {
                let words = ["snapshot", "status", file.to_str().unwrap()];
                tool(program("etcdutl").to_str().unwrap(), &words).done();
            }
        }
        let data = nodes.folder(leader).join("data");
        tool("mount", &["-o", "remount,size=2G", data.to_str().unwrap()]).done();
        let said = run_led_by(&nodes, leader, leader);
        let wanted = "etcd-node: backup: nothing was saved: the data partition has 20";
        assert!(said.text().starts_with(wanted), "{}", said.words());
        assert_eq!(said.code, Some(1));
        // Without them, there would still be no room. Nothing else is left.
        assert_eq!(snapshots(&data.join("backups")).len(), 2);

        // Another member leads when this one is down.
        nodes.members.kill(leader);
        nodes.members.become_healthy();
        until(|| {
            let next = nodes.members.leader();
            let said = run(&nodes.folder(next).join("backup")).done().text();
            let is_saved = said.starts_with("etcd-node: backup: saved main-");
            is_saved.then_some(()).ok_or(said)
        });
    });
}

#[test]
fn snapshots_go_to_another_host() {
    with_nodes(|nodes| {
        let (leader, scene) = (nodes.members.leader(), &nodes.members.scene);
        let other = (leader + 1) % 3;
        let key = |node: usize| {
            let path = format!(
                "etcd-cluster/nodes/{}/ssh_host_ed25519_key.pub",
                NAMES[node]
            );
            scene.text(&path)
        };
        let folder = scene.at("received");
        let table = |key: &str| {
            format!(
                "to = \"ssh://pi@{}{}\"\nhost-key = \"{}\"",
                address(other),
                folder.display(),
                key.trim()
            )
        };
        let script = backup(&nodes, leader, &table(&key(other)));
        let data = roomy(&nodes, leader);
        let said = run(&script);
        let wanted = format!(
            "etcd-node: backup: nothing was saved on {}: ",
            address(other)
        );
        assert!(
            said.text().starts_with(&wanted) && said.text().contains("Permission denied"),
            "{}",
            said.words()
        );
        assert_eq!(said.code, Some(1));

        let allowed = scene.at("key.pub");
        fs::write(&allowed, scene.text("key.pub") + &key(leader)).unwrap();
        for _ in 0..3 {
            let said = run_led_by(&nodes, leader, leader).done().text();
            assert!(said.contains(&format!(" on {}", address(other))), "{said}");
            tool("sleep", &["1.1"]).done();
        }
        assert_eq!(snapshots(&folder).len(), 2);
        assert_eq!(snapshots(&data.join("backups")), Vec::<PathBuf>::new());

        // A host with another key receives nothing.
        let script = backup(&nodes, leader, &table(&key(leader)));
        let said = run(&script);
        assert!(
            said.text().contains("Host key verification failed"),
            "{}",
            said.words()
        );
        assert_eq!(snapshots(&folder).len(), 2);
    });
}
