//! `cluster upgrade` over a real sshd, with real members of two minor versions and the program of the image.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::Value;

use crate::support::fixture::script;
use crate::support::members::{NAMES, address};
use crate::support::nodes::{Nodes, version, with_nodes_of};
use crate::support::tool::{Said, tool_in};
use crate::support::writer::while_writing;

/// A release that no machine can start.
const BROKEN: &str = "3.5.99";

/// Upgrades to a release tarball of this version.
fn upgrade(nodes: &mut Nodes, version: &str) -> Said {
    let tarball = nodes
        .members
        .scene
        .at(&format!("etcd-v{version}-linux-arm64.tar.gz"));
    if !tarball.exists() {
        script("release.sh", &["arm64", version], &tarball);
    }
    run(nodes, tarball.to_str().unwrap())
}

/// Returns the path of a release tarball of the same version with another etcd in it.
fn rebuilt(nodes: &Nodes, version: &str) -> PathBuf {
    let name = format!("etcd-v{version}-linux-arm64");
    let folder = nodes.members.scene.at("rebuilt");
    fs::create_dir(&folder).unwrap();
    let script = format!(
        "tar -xzf ../{name}.tar.gz
        echo rebuilt >>{name}/etcd
        tar -czf {name}.tar.gz {name}"
    );
    tool_in(&folder, "sh", &["-ec", &script]).done();
    folder.join(format!("{name}.tar.gz"))
}

fn run(nodes: &mut Nodes, etcd: &str) -> Said {
    nodes.members.become_healthy();
    let cache = nodes.members.scene.at("home/.cache/etcd-image");
    let cache = cache.to_str().unwrap().to_owned();
    nodes.cluster(&[
        "upgrade",
        "--etcd",
        etcd,
        "--offline",
        "--json",
        "--cache",
        &cache,
    ])
}

#[track_caller]
fn failed(said: &Said, code: i32, error: &str) {
    let line = format!("error: {error}\n");
    assert!(said.err.contains(&line), "{}", said.words());
    assert_eq!(said.code, Some(code), "{}", said.words());
}

/// Returns the version that each member runs.
fn versions(nodes: &Nodes) -> [String; 3] {
    let client = nodes.members.client();
    [0, 1, 2].map(|member| client.status(address(member)).unwrap().version)
}

/// Makes the restart of etcd on a node fail, or succeed again.
fn set_restarts(nodes: &Nodes, node: usize, work: bool) {
    let [systemctl, aside] =
        ["bin/systemctl", "bin/aside"].map(|name| nodes.folder(node).join(name));
    if work {
        fs::rename(aside, systemctl).unwrap();
        return;
    }
    fs::rename(&systemctl, aside).unwrap();
    let text = "#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n";
    fs::write(&systemctl, text).unwrap();
    fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What is refused changes nothing.
fn refuse(nodes: &mut Nodes, [old, new]: [&str; 2]) {
    let said = run(nodes, "3.6.0");
    let error = format!(
        "cluster main cannot change from etcd {old} (etcd1) to 3.6.0: etcd allows one minor version at a time"
    );
    failed(&said, 4, &error);
    let leader = nodes.members.leader();
    let follower = (0..3).find(|member| *member != leader).unwrap();
    nodes.members.kill(follower);
    let said = upgrade(nodes, new);
    let degraded = "error: cluster main is degraded: ";
    assert!(said.err.starts_with(degraded), "{}", said.words());
    assert_eq!(said.code, Some(6));
    nodes.members.resume(follower);
    nodes.members.become_healthy();
    assert!(nodes.etcd_restarted.is_empty());
    for name in NAMES {
        assert!(!nodes.members.data(name).join("programs").exists());
    }
}

/// An etcd that does not start is given up by the node, and no further node gets it.
fn give_up(nodes: &mut Nodes, old: &str) {
    let said = upgrade(nodes, BROKEN);
    let [node] = nodes.etcd_restarted[..] else {
        panic!("{:?}: {}", nodes.etcd_restarted, said.words());
    };
    let name = NAMES[node];
    let error = format!(
        "upgrading {name}: etcd {BROKEN} did not become ready in 3 starts: exec: etcd: Exec format error"
    );
    failed(&said, 6, &error);
    assert_eq!(versions(nodes), [old; 3]);
}

/// The upgrade is interrupted at the leader, and continued.
fn interrupt_and_continue(nodes: &mut Nodes, new: &str) {
    let (leader, before) = (nodes.members.leader(), nodes.members.term());
    let name = NAMES[leader];
    set_restarts(nodes, leader, false);
    let said = upgrade(nodes, new);
    let error = format!("restarting etcd on {name}: Failed to connect to bus");
    failed(&said, 6, &error);
    // It is last, unless a busy machine has caused an election besides the one by which it gives up the lead.
    if nodes.members.term() == before + 1 {
        assert_eq!(nodes.etcd_restarted.len(), 3, "{}", said.words());
        assert!(!nodes.etcd_restarted[1..].contains(&leader));
    }
    set_restarts(nodes, leader, true);
    let said = upgrade(nodes, new).done();
    // The node has received it already.
    let again = format!("{name} receives");
    assert!(!said.err.contains(&again), "{}", said.words());
    let mut restarted = nodes.etcd_restarted[1..].to_vec();
    restarted.sort_unstable();
    assert_eq!(restarted, [0, 1, 2], "each member restarts once");
}

/// Upgrades to the etcd of images, first to one that every member runs already, then to the former build of it.
fn upgrade_to_images(nodes: &mut Nodes, running: &str, version: &str) {
    let former = format!("etcd-v{version}-linux-arm64.tar.gz");
    let former = nodes.members.scene.at(&former).display().to_string();
    for (etcd, restarted) in [(running, 7), (&former, 10)] {
        let scene = &nodes.members.scene;
        let inputs = ["--base", &scene.inputs()[1], "--etcd", etcd, "--offline"];
        let options = [
            "build", "--nodes", "3", "--format", "img.zst", "--out", "next",
        ];
        scene.bare(&[options.as_slice(), &inputs].concat()).done();
        nodes.members.become_healthy();
        let said = nodes
            .cluster(&["upgrade", "--images", "next", "--json"])
            .done();
        let report: Value = serde_json::from_slice(&said.out).unwrap();
        assert_eq!(report["version"], version, "{report:#}");
        assert!(report.get("setting").is_none(), "{report:#}");
        assert_eq!(nodes.etcd_restarted.len(), restarted, "{report:#}");
    }
}

#[test]
fn members_are_upgraded_one_at_a_time_while_a_client_writes() {
    with_nodes_of("3.4", |mut nodes| {
        let (old, new) = (version("3.4"), version("3.5"));
        assert_eq!(versions(&nodes), [old.as_str(); 3]);
        refuse(&mut nodes, [&old, &new]);
        while_writing(&mut nodes, |nodes| {
            give_up(nodes, &old);
            interrupt_and_continue(nodes, &new);
        });
        assert_eq!(versions(&nodes), [new.as_str(); 3]);

        let said = upgrade(&mut nodes, &old);
        let error = format!(
            "cluster main cannot return from etcd {new} (etcd1) to {old}: etcd 3.4 does not read the data of 3.5"
        );
        failed(&said, 4, &error);
        let said = upgrade(&mut nodes, &new).done();
        let report: Value = serde_json::from_slice(&said.out).unwrap();
        assert!(
            report["nodes"]
                .as_array()
                .unwrap()
                .iter()
                .all(|node| node["seconds"].is_null())
        );
        assert_eq!(nodes.etcd_restarted.len(), 4);

        // Debian builds a release again without another version.
        let rebuilt = rebuilt(&nodes, &new).display().to_string();
        let said = run(&mut nodes, &rebuilt).done();
        let report: Value = serde_json::from_slice(&said.out).unwrap();
        let upgraded = report["nodes"].as_array().unwrap().iter();
        assert!(upgraded.map(|node| &node["seconds"]).all(Value::is_number));
        assert_eq!(nodes.etcd_restarted.len(), 7);
        run(&mut nodes, &rebuilt).done();
        assert_eq!(nodes.etcd_restarted.len(), 7);
        upgrade_to_images(&mut nodes, &rebuilt, &new);

        let said = nodes.cluster(&["status", "--json"]).done();
        let report: Value = serde_json::from_slice(&said.out).unwrap();
        for member in report["members"].as_array().unwrap() {
            assert_eq!(member["node"]["upgraded"], true, "{report:#}");
            assert!(member["node"]["failed_upgrade"].is_null(), "{report:#}");
        }
    });
}
