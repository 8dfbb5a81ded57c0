//! The keys, the certificates or the snapshot are wrong, or somebody else is at work.

use std::fs;

use super::diary::Diary;
use super::{COMMANDS, OWN, at_time, copy_state, intact, prepare};
use crate::support::nodes::{Nodes, with_nodes};
use crate::support::snapshot::snapshot;
use crate::support::tool::tool;

#[test]
fn wrong_keys_change_nothing() {
    with_nodes(|mut nodes| {
        let mut diary = Diary::new("keys");
        prepare(&mut nodes);
        let build = ["--nodes", "3", "--state", "other", "--out", "o"];
        nodes.members.scene.run("build", &build).done();
        diary.part("The state directory of another cluster", "other");
        for command in COMMANDS {
            diary.run(&mut nodes, command);
        }
        intact(&nodes);
        strangers(&mut nodes, &mut diary);
        intact(&nodes);
        somebody_else(&mut nodes, &mut diary);
        intact(&nodes);
        other_host_keys(&mut nodes, &mut diary);
        snapshots(&mut nodes, &mut diary);
        intact(&nodes);
        diary.reviewed();
    });
}

/// The administrator's certificate is of another CA, or has expired.
fn strangers(nodes: &mut Nodes, diary: &mut Diary) {
    let other = nodes.members.scene.at("other");
    let stranger = copy_state(nodes, "stranger");
    for name in ["admin.crt", "admin.key"] {
        fs::copy(other.join(name), stranger.join(name)).unwrap();
    }
    diary.part("An administrator's certificate of another CA", "stranger");
    for command in COMMANDS {
        diary.run(nodes, command);
    }
    let expired = copy_state(nodes, "expired").display().to_string();
    let script = format!(
        "printf extendedKeyUsage=clientAuth >{expired}/usage
        openssl req -new -key {expired}/admin.key -subj /CN=root |
            env {} openssl x509 -req -CA {expired}/ca.crt -CAkey {expired}/ca.key -set_serial 77 -days 1825 \
                -extfile {expired}/usage -out {expired}/admin.crt
        rm {expired}/usage",
        at_time("-10y").join(" ")
    );
    tool("sh", &["-ec", &script]).done();
    diary.part("An expired administrator's certificate", "expired");
    for command in COMMANDS.iter().filter(|it| !it.starts_with("renew")) {
        diary.run(nodes, command);
    }
    diary.run(nodes, "renew").done();
    diary.run(nodes, "status").done();
}

/// Another operator changes the cluster.
fn somebody_else(nodes: &mut Nodes, diary: &mut Diary) {
    let lease = nodes
        .members
        .etcdctl(&["lease", "grant", "600"])
        .done()
        .text();
    let lease = lease.split(' ').nth(1).unwrap().to_owned();
    let holder =
        r#"{"command":"cluster reboot","operator":"ada@desktop","process":1,"since":1796774280}"#;
    let put = ["put", "--lease", &lease, "etcd-image/lock", holder];
    nodes.members.etcdctl(&put).done();
    diary.part("Another operator changes the cluster", OWN);
    let certificate = nodes
        .members
        .scene
        .at("etcd-cluster/nodes/etcd1/server.crt");
    let before = fs::read(&certificate).unwrap();
    let reads = ["status", "backup", "compact", "alarm", "logs"];
    for command in COMMANDS {
        if !reads.iter().any(|read| command.starts_with(read)) {
            let said = diary.run(nodes, command);
            assert_eq!(said.code, Some(4), "{}", said.words());
        }
    }
    assert_eq!(fs::read(&certificate).unwrap(), before);
    nodes.members.etcdctl(&["lease", "revoke", &lease]).done();
}

/// The host key of every node is that of the next one.
fn other_host_keys(nodes: &mut Nodes, diary: &mut Diary) {
    let known = copy_state(nodes, "rekeyed").join("known_hosts");
    let text = fs::read_to_string(&known).unwrap();
    let lines: Vec<_> = text.lines().map(|it| it.split_once(' ').unwrap()).collect();
    let next = lines.iter().cycle().skip(1);
    let swapped = lines
        .iter()
        .zip(next)
        .map(|((host, _), (_, key))| format!("{host} {key}\n"));
    fs::write(&known, swapped.collect::<String>()).unwrap();
    diary.part("The SSH host keys have changed", "rekeyed");
    for command in [
        "status",
        "restore good.db --in-place",
        "renew --within 5000d",
        "rotate-ca",
        "upgrade --etcd RELEASE",
        "logs etcd1",
        "reboot etcd1",
    ] {
        diary.run(nodes, command);
    }
}

/// The snapshot is cut off, of another cluster, or none.
fn snapshots(nodes: &mut Nodes, diary: &mut Diary) {
    let scene = &nodes.members.scene;
    let good = fs::read(scene.at("good.db")).unwrap();
    fs::write(scene.at("cut.db"), &good[..good.len() - 9]).unwrap();
    fs::write(scene.at("other.db"), snapshot(&["a", "b"], "3.5.0", 9)).unwrap();
    fs::write(scene.at("text.db"), "text\n").unwrap();
    diary.part("A snapshot that cannot be restored", OWN);
    for name in ["cut", "other", "text", "missing"] {
        diary.run(nodes, &format!("restore {name}.db --in-place"));
    }
}
