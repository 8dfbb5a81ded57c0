//! Runs the commands for running clusters on three booted nodes while a client writes once a second, and measures them.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use etcd_image::etcd::Session;

use super::operator::{Operator, client};
use crate::support::cluster::{Images, answered, inside};
use crate::support::node::Node;
use crate::support::tool::tool_in;
use crate::support::writer::Ending;

/// The file with the time that each command took.
const TIMES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/boot-commands.txt");

/// Returns the certificates that the members present to clients.
fn presented(operator: &Operator) -> BTreeSet<Vec<u8>> {
    let client = operator.client();
    let presented = |node: IpAddr| {
        let session = answered(|| client.connect(node));
        session.certificate().to_vec()
    };
    operator.at().into_iter().map(presented).collect()
}

/// Acts while a client writes once a second to any member that answers. No write fails. Returns the number of writes, and the
/// longest time that one took.
fn while_writing(operator: &mut Operator, act: impl FnOnce(&mut Operator)) -> (u32, Duration) {
    let (state, at) = (operator.folder.join("state"), operator.at());
    let stop = AtomicBool::new(false);
    thread::scope(|threads| {
        let writer = threads.spawn(|| {
            let (mut written, mut longest) = (0_u32, Duration::ZERO);
            let mut session: Option<Session> = None;
            while !stop.load(Ordering::Relaxed) {
                let value = written.to_string();
                let started = Instant::now();
                let put = |session: &Session| session.put("writer", &value).is_ok();
                // As clients of etcd do, it keeps its connection, and then tries the next member, and the first one again.
                if !session.as_ref().is_some_and(put) {
                    let client = client(&state);
                    let mut nodes = at.iter().cycle().take(2 * at.len());
                    session = nodes.find_map(|node| client.connect(*node).ok().filter(put));
                    assert!(session.is_some(), "no member accepted write {written}");
                }
                longest = longest.max(started.elapsed());
                written += 1;
                thread::sleep(Duration::from_secs(1));
            }
            (written, longest)
        });
        let end = Ending(&stop);
        act(operator);
        drop(end);
        writer.join().unwrap()
    })
}

/// Every member presents a new certificate after the renewal.
fn renew(operator: &mut Operator) {
    let before = presented(operator);
    let report = operator.nodes(&["renew", "--within", "2000d"]);
    for node in report["nodes"].as_array().unwrap() {
        // A repeated command finds what the one before has handed over.
        assert_ne!(node["outcome"], "failed", "{report:#}");
    }
    let after = presented(operator);
    assert!(
        before.is_disjoint(&after),
        "a certificate is presented still"
    );
}

/// The three phases of a new CA.
fn rotate(operator: &mut Operator) {
    let before = presented(operator);
    for phase in ["trust", "issue", "done"] {
        let report = operator.nodes(&["rotate-ca"]);
        assert_eq!(report["complete"], phase, "{report:#}");
    }
    let after = presented(operator);
    assert!(
        before.is_disjoint(&after),
        "a certificate is presented still"
    );
}

/// Makes a release of another build of the etcd that the nodes run: with a byte more at its end.
fn another_build(operator: &Operator, version: &str) -> String {
    let name = format!("etcd-v{version}-linux-arm64");
    let folder = operator.folder.join(&name);
    // An earlier run may have left it.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    let node = Node::open(&operator.folder.join("images/etcd1.img"));
    for (program, from) in [
        ("etcd", "/usr/local/bin/etcd"),
        ("etcdctl", "/usr/local/lib/etcd-node/etcdctl"),
        ("etcdutl", "/usr/local/lib/etcd-node/etcdutl"),
    ] {
        let mut bytes = node.ext4.content(from).unwrap();
        bytes.push(b'\n');
        fs::write(folder.join(program), bytes).unwrap();
    }
    let tarball = format!("{name}.tar.gz");
    tool_in(&operator.folder, "tar", &["-czf", &tarball, &name]).done();
    format!("./{tarball}")
}

/// Every node runs the other build.
fn upgrade(operator: &mut Operator, version: &str) {
    let release = another_build(operator, version);
    let report = operator.nodes(&["upgrade", "--offline", "--etcd", &release]);
    assert_eq!(report["version"], version, "{report:#}");
    let status = operator.nodes(&["status"]);
    for member in status["members"].as_array().unwrap() {
        assert_eq!(member["node"]["upgraded"], true, "{status:#}");
    }
}

/// The commands that leave a majority at work at every moment.
fn look_after(operator: &mut Operator) {
    let status = operator.nodes(&["status"]);
    assert_eq!(status["members"].as_array().unwrap().len(), 3, "{status:#}");
    let version = status["members"][0]["version"].as_str().unwrap().to_owned();
    operator.members(&["backup", "saved.db"]);
    renew(operator);
    rotate(operator);
    operator.members(&["compact"]);
    let report = operator.members(&["defrag"]);
    assert_eq!(report["members"].as_array().unwrap().len(), 3, "{report:#}");
    let report = operator.members(&["move-leader"]);
    assert_ne!(report["before"], report["leader"]);
    let report = operator.nodes(&["reboot", "--rolling", "--wait", "30"]);
    // A repeated command may have found some of them restarted, and restarts them again.
    assert_eq!(report["nodes"].as_array().unwrap().len(), 3, "{report:#}");
    upgrade(operator, &version);
    operator.nodes(&["logs", "etcd1"]);
}

#[test]
#[ignore = "boots three machines and restarts each of them: about half an hour"]
fn every_command_works_on_booted_nodes_while_a_client_writes() {
    inside(|| {
        let images = Images::build("commands", 3);
        // An earlier run may have left it.
        let _ = fs::remove_file(images.images().with_file_name("saved.db"));
        let mut operator = Operator::boot(&images, images.lab());
        let first = operator.at()[0];
        answered(|| operator.client().put(first, "kept", "before"));
        let (written, longest) = while_writing(&mut operator, look_after);
        answered(|| operator.client().put(first, "kept", "after"));

        // All members stop for this one.
        operator.nodes(&["restore", "saved.db", "--in-place"]);
        for node in operator.at() {
            let kept = answered(|| operator.client().get(node, "kept"));
            assert_eq!(kept.as_deref(), Some("before"));
        }
        let end = format!("{written} writes, none failed, the longest took {longest:.1?}");
        operator.write_times(TIMES, &end);
    });
}
