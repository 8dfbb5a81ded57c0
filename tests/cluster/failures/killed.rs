//! Commands are killed, each at several moments, and run again.

use std::fs;
use std::time::{Duration, Instant};

use super::super::databases::raise;
use super::{having, intact, prepare, run, run_until, unharmed};
use crate::support::members::{NAMES, address};
use crate::support::nodes::{Nodes, with_nodes, with_nodes_of};

/// Whether the moment has come to kill a command.
type Moment = fn(&Nodes) -> bool;

/// Kills a command at each of these moments, and then lets it run to its end, which must be a good one.
fn kill_and_repeat(nodes: &mut Nodes, command: &str, moments: &[Moment]) {
    kill_and_continue(nodes, command, moments);
    run(nodes, "status").done();
}

/// Does the same with a command after which the cluster still lacks a node.
fn kill_and_continue(nodes: &mut Nodes, command: &str, moments: &[Moment]) {
    for moment in moments {
        let said = run_until(nodes, command, |nodes| moment(nodes));
        assert_eq!(said.code, None, "killed: {}", said.words());
        end_locks(nodes);
    }
    run(nodes, command).done();
    nodes.settle();
}

/// Ends the lock of a killed command at once. `cluster::lock` tests that the next command waits for it.
fn end_locks(nodes: &Nodes) {
    // Nobody answers while a restore has stopped all members.
    let leases = nodes.members.etcdctl(&["lease", "list"]).text();
    for lease in leases.lines().skip(1) {
        nodes.members.etcdctl(&["lease", "revoke", lease]);
    }
}

/// Returns whether a file of the scene contains these words.
fn says(nodes: &Nodes, file: &str, words: &str) -> bool {
    let path = nodes.members.scene.at(file);
    fs::read_to_string(path).is_ok_and(|text| text.contains(words))
}

fn restarts_etcd(nodes: &Nodes) -> bool {
    having(|node| nodes.folder(node).join("restart-etcd")).is_some()
}

#[test]
#[ignore = "takes minutes: `cargo xtask test --full` runs it"]
fn a_killed_renewal_or_rotation_continues() {
    with_nodes(|mut nodes| {
        prepare(&mut nodes);
        let first: Moment =
            |nodes| having(|node| nodes.folder(node).join("data/certificates")).is_some();
        kill_and_repeat(&mut nodes, "renew --within 5000d", &[first]);
        kill_and_repeat(
            &mut nodes,
            "rotate-ca --all",
            &[
                |nodes| says(nodes, "etcd-cluster/rotation", "trust"),
                restarts_etcd,
                |nodes| says(nodes, "etcd-cluster/rotation", "issue"),
                |nodes| says(nodes, "etcd-cluster/rotation", "finish"),
                |nodes| says(nodes, "etcd-cluster/rotation", "finish") && restarts_etcd(nodes),
            ],
        );
        intact(&nodes);
    });
}

#[test]
#[ignore = "takes minutes: `cargo xtask test --full` runs it"]
fn a_killed_restore_or_restart_continues() {
    with_nodes(|mut nodes| {
        prepare(&mut nodes);
        let restart: Moment = |nodes| having(|node| nodes.folder(node).join("restart")).is_some();
        kill_and_repeat(&mut nodes, "reboot --rolling", &[restart]);
        kill_and_repeat(
            &mut nodes,
            "restore good.db --in-place",
            &[
                |nodes| has_in_data(nodes, "restore/sha256"),
                |nodes| having(|node| nodes.folder(node).join("stop")).is_some(),
                |nodes| has_in_data(nodes, "restore/wanted"),
                |nodes| having(|node| nodes.folder(node).join("start")).is_some(),
            ],
        );
        intact(&nodes);
    });
}

fn has_in_data(nodes: &Nodes, file: &str) -> bool {
    having(|node| nodes.members.data(NAMES[node]).join(file)).is_some()
}

/// Commands that send one request, or one to each member. They have nothing to continue.
const SHORT: [&str; 6] = [
    "defrag",
    "compact",
    "alarm disarm",
    "move-leader",
    "logs etcd1",
    "password app",
];

/// How many milliseconds a command has run when it is killed.
const MILLISECONDS: [u64; 3] = [50, 150, 400];

/// Raises an alarm, if this command is the one that disarms it.
fn alarm(nodes: &Nodes, command: &str) {
    if command.starts_with("alarm ") {
        raise(&nodes.members, 1);
    }
}

#[test]
fn a_killed_request_does_no_harm_and_is_sent_again() {
    with_nodes(|mut nodes| {
        prepare(&mut nodes);
        let user = ["user", "add", "app:unknown"];
        nodes.members.etcdctl(&user).done();
        for command in SHORT {
            for time in MILLISECONDS.map(Duration::from_millis) {
                alarm(&nodes, command);
                let started = Instant::now();
                run_until(&mut nodes, command, |_| started.elapsed() > time);
                end_locks(&nodes);
            }
            alarm(&nodes, command);
            run(&mut nodes, command).done();
        }
        let passwords = nodes.members.scene.at("etcd-cluster/passwords");
        let kept = fs::read_dir(passwords).unwrap();
        let kept: Vec<_> = kept.map(|it| it.unwrap().file_name()).collect();
        assert_eq!(kept, ["app"]);
        run(&mut nodes, "status").done();
        intact(&nodes);
    });
}

#[test]
#[ignore = "takes minutes: `cargo xtask test --full` runs it"]
fn a_killed_upgrade_continues() {
    with_nodes_of("3.4", |mut nodes| {
        prepare(&mut nodes);
        let command = format!("upgrade --etcd {}", super::release_of(&nodes, "3.5"));
        kill_and_repeat(
            &mut nodes,
            &command,
            &[|nodes| has_in_data(nodes, "programs/new"), restarts_etcd],
        );
        intact(&nodes);
    });
}

#[test]
#[ignore = "takes minutes: `cargo xtask test --full` runs it"]
fn a_killed_change_of_the_members_continues() {
    with_nodes(|mut nodes| {
        prepare(&mut nodes);
        kill_and_continue(
            &mut nodes,
            "add etcd4 --address 192.168.0.53 --wait 0",
            &[
                |nodes| says(nodes, "cluster.toml", "etcd4"),
                |nodes| says(nodes, "etcd-cluster/cluster.json", "etcd4"),
            ],
        );
        unharmed(&nodes);
        kill_and_repeat(
            &mut nodes,
            "remove etcd4",
            &[|nodes| !says(nodes, "cluster.toml", "etcd4")],
        );
        unharmed(&nodes);
        // A member that is gone is replaced by another node, which does not come.
        nodes.members.kill(2);
        let words = "replace etcd3 etcd9 --address 192.168.0.59 --wait 0";
        let said = run_until(&mut nodes, words, |nodes| {
            says(nodes, "cluster.toml", "etcd9")
        });
        assert_eq!(said.code, None, "{}", said.words());
        end_locks(&nodes);
        run(&mut nodes, words).done();
        let words = "remove etcd3";
        let client = nodes.members.client();
        let is_listed = |address| {
            let list = client.members(address).unwrap();
            list.iter().any(|member| member.name == "etcd3")
        };
        assert!(is_listed(address(0)));
        run(&mut nodes, words).done();
        assert!(!is_listed(address(0)));
    });
}
