//! `cluster renew` over a real sshd, with real members and the program of the image.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use etcd_image::etcd::CallError;
use serde_json::Value;

use crate::support::members::{NAMES, address};
use crate::support::nodes::{Nodes, with_nodes};
use crate::support::tool::tool;
use crate::support::writer::Ending;

/// Returns the serial numbers of the certificates that a member presents to clients and to members, as openssl sees them.
fn serials(nodes: &Nodes, member: usize) -> [String; 2] {
    let state = nodes.members.scene.at("etcd-cluster");
    [2379, 2380].map(|port| {
        let script = format!(
            "openssl s_client -connect {}:{port} -CAfile {state}/ca.crt -cert {state}/admin.crt -key {state}/admin.key \
             -verify_return_error </dev/null 2>/dev/null | openssl x509 -noout -serial",
            address(member),
            state = state.display()
        );
        tool("sh", &["-c", &script]).done().text()
    })
}

/// How etcd refuses a write during an election, which a busy machine may cause at any moment.
const ELECTION: [&str; 3] = ["no leader", "leader changed", "request timed out"];

/// Checks that etcd has answered a write, and that nothing but an election has prevented it.
#[track_caller]
fn must_be_answered(written: Result<(), CallError>) {
    match written {
        Err(CallError::Answer(words)) => {
            let is_election = ELECTION.iter().any(|reason| words.contains(reason));
            assert!(is_election, "{words}");
        }
        written => written.unwrap(),
    }
}

/// Renews while one client writes over a connection of its own, and another connects anew for every write.
fn renew_under_load(nodes: &mut Nodes, words: &[&str]) -> Value {
    let client = nodes.members.client();
    let stop = AtomicBool::new(false);
    let (running, client) = (&stop, &client);
    thread::scope(|threads| {
        let session = client.connect(address(0)).unwrap();
        let kept = threads.spawn(move || {
            while !running.load(Ordering::Relaxed) {
                must_be_answered(session.put("kept", "value"));
                thread::sleep(Duration::from_millis(20));
            }
        });
        let anew = threads.spawn(move || {
            for at in (0..3).cycle() {
                must_be_answered(client.put(address(at), "anew", "value"));
                thread::sleep(Duration::from_millis(20));
                if running.load(Ordering::Relaxed) {
                    return;
                }
            }
        });
        let end = Ending(&stop);
        let said = nodes.cluster(words);
        drop(end);
        kept.join().unwrap();
        anew.join().unwrap();
        serde_json::from_slice(&said.done().out).unwrap()
    })
}

fn outcomes(report: &Value) -> Vec<&str> {
    let nodes = report["nodes"].as_array().unwrap();
    nodes
        .iter()
        .map(|node| node["outcome"].as_str().unwrap())
        .collect()
}

#[test]
fn members_present_renewed_certificates_while_clients_write() {
    with_nodes(|mut nodes| {
        let before = [0, 1, 2].map(|member| serials(&nodes, member));
        let client = fs::read(nodes.folder(0).join("client/client.crt")).unwrap();
        let none = nodes.cluster(&["renew", "--json"]).done();
        assert_eq!(
            outcomes(&serde_json::from_slice(&none.out).unwrap()),
            ["current"; 3]
        );
        let report = renew_under_load(&mut nodes, &["renew", "--within", "2000d", "--json"]);
        assert_eq!(outcomes(&report), ["renewed"; 3], "{report:#}");
        let after = [0, 1, 2].map(|member| serials(&nodes, member));
        for (before, after) in before.iter().flatten().zip(after.iter().flatten()) {
            assert!(before.starts_with("serial=") && after.starts_with("serial="));
            assert_ne!(before, after);
        }
        assert_ne!(
            fs::read(nodes.folder(0).join("client/client.crt")).unwrap(),
            client
        );
        // Nothing is due any more, for the node that restarts either.
        nodes.members.kill(1);
        nodes.members.resume(1);
        nodes.members.become_healthy();
        let none = nodes.cluster(&["renew", "--json"]).done();
        assert_eq!(
            outcomes(&serde_json::from_slice(&none.out).unwrap()),
            ["current"; 3]
        );
        for (node, name) in NAMES.iter().enumerate() {
            let kept = nodes.folder(node).join("data/certificates");
            let mut names: Vec<_> = fs::read_dir(&kept)
                .unwrap()
                .map(|entry| entry.unwrap().file_name())
                .collect();
            names.sort();
            assert_eq!(
                names,
                ["client.root.pem", "peer.pem", "server.pem"],
                "{name}"
            );
            // The login user's etcdctl also gets a new certificate for its key.
            let state = format!("etcd-cluster/nodes/{name}/client.root");
            for ending in ["crt", "key"] {
                let own = nodes.folder(node).join(format!("client/client.{ending}"));
                let wanted = nodes.members.scene.text(&format!("{state}.{ending}"));
                assert_eq!(fs::read_to_string(own).unwrap(), wanted, "{name} {ending}");
            }
        }
    });
}

/// As when the certificates of all members have expired: the first ones serve clients only after the others have new ones.
#[test]
fn members_that_wait_for_each_other_are_looked_at_once_more() {
    with_nodes(|mut nodes| {
        for member in 0..3 {
            nodes.members.kill(member);
        }
        nodes.members.resume(0);
        let key = nodes.members.scene.at("key").display().to_string();
        let within = ["renew", "--within", "2000d", "--json"];
        let words = [&within[..], &["--ssh-identity", &key]].concat();
        let last = nodes.folder(2).join("data/certificates/peer.pem");
        let said = nodes.run(&[], &words, |nodes| {
            for member in [1, 2] {
                if last.exists() && !nodes.members.is_running(member) {
                    nodes.members.resume(member);
                }
            }
        });
        let report: Value = serde_json::from_slice(&said.done().out).unwrap();
        assert_eq!(outcomes(&report), ["renewed"; 3], "{report:#}");
    });
}

#[test]
fn a_node_that_is_missed_gets_its_certificates_later() {
    with_nodes(|mut nodes| {
        let program = nodes.folder(1).join("bin/sudo");
        let sudo = fs::read_to_string(&program).unwrap();
        let refusing = "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n";
        fs::write(&program, refusing).unwrap();
        let said = nodes.cluster(&["renew", "--within", "2000", "--json"]);
        let error = "error: renewing the certificates of etcd2: sudo: a password is required\n";
        assert!(said.err.contains(error), "{}", said.words());
        assert_eq!(said.code, Some(6));
        let report: Value = serde_json::from_slice(&said.out).unwrap();
        assert_eq!(outcomes(&report), ["renewed", "failed", "renewed"]);
        fs::write(&program, sudo).unwrap();
        let again = nodes.cluster(&["renew", "--json"]).done();
        let report: Value = serde_json::from_slice(&again.out).unwrap();
        assert_eq!(outcomes(&report), ["current", "renewed", "current"]);
        // A state directory without the key of the CA cannot renew.
        fs::remove_file(nodes.members.scene.at("etcd-cluster/ca.key")).unwrap();
        let said = nodes.cluster(&["renew"]);
        let error = "error: etcd-cluster/ca.key is missing, but ca.crt exists\n";
        assert!(said.err.starts_with(error), "{}", said.err);
        assert_eq!(said.code, Some(2));
    });
}
