//! `cluster add`, `remove` and `replace` with real members and a real sshd.

use std::fs;
use std::net::{IpAddr, TcpStream};
use std::process::Child;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::support::members::{NAMES, address};
use crate::support::nodes::{Nodes, with_insecure_nodes, with_nodes};
use crate::support::tool::tool;
use crate::support::writer::while_writing;

/// Boards that join as soon as their images are there and the running members list them.
#[derive(Debug, Default)]
struct Boards(Vec<(&'static str, Child)>);

impl Drop for Boards {
    fn drop(&mut self) {
        for (_, etcd) in &mut self.0 {
            // It may have ended by itself.
            let _ = etcd.kill();
            let _ = etcd.wait();
        }
    }
}

impl Boards {
    fn is_on(&self, name: &str) -> bool {
        self.0.iter().any(|(on, _)| *on == name)
    }

    fn switch_off(&mut self, name: &str) {
        let at = self.0.iter().position(|(on, _)| *on == name).unwrap();
        let (_, mut etcd) = self.0.remove(at);
        etcd.kill().unwrap();
        etcd.wait().unwrap();
    }

    /// Flashes and starts a board once everything is ready for it.
    fn flash(&mut self, nodes: &mut Nodes, name: &'static str, host: u8, replaces: &[&str]) {
        let image = nodes.members.scene.image_path(name);
        // Without certificates, no member lists the others.
        let is_listed = || nodes.members.is_insecure || listed(nodes, 0).contains(name);
        if self.is_on(name) || !image.exists() || !is_listed() {
            return;
        }
        self.0
            .push((name, nodes.members.join(name, host, replaces)));
        let address = IpAddr::from([192, 168, 0, host]);
        nodes.serve(name, address);
        while TcpStream::connect((address, 22)).is_err() {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Returns the names of all members in the certificate that a member presents to the others: `a+b+c`.
fn listed(nodes: &Nodes, member: usize) -> String {
    let state = nodes.members.scene.at("etcd-cluster");
    let script = format!(
        "openssl s_client -connect {}:2380 -CAfile {state}/ca.crt -cert {state}/admin.crt -key {state}/admin.key \
         </dev/null 2>/dev/null | openssl x509 -noout -ext subjectAltName | sed -n 's/.*URI:urn:etcd-image:members://p'",
        address(member),
        state = state.display()
    );
    tool("sh", &["-c", &script]).text().trim().to_owned()
}

fn members(report: &Value) -> Vec<&str> {
    let members = report["members"].as_array().unwrap();
    members.iter().map(|name| name.as_str().unwrap()).collect()
}

/// The answer to the first removal may have been lost, or the list has not been handed to every node.
fn only_a_former_member_is_removed_twice(nodes: &mut Nodes) {
    let said = nodes.change(&["remove", "etcd5", "--json"], |_| ()).done();
    let report: Value = serde_json::from_slice(&said.out).unwrap();
    assert_eq!(
        (&report["removed"], members(&report).len()),
        (&"etcd5".into(), 3)
    );
    let wanted = "etcd3: handing over the list of members\netcd5 is no longer a member; power it off permanently. ";
    assert!(said.err.contains(wanted), "{}", said.words());
    let said = nodes.change(&["remove", "etcd9"], |_| ());
    let wanted =
        "error: cluster main has no member `etcd9`\nhint: its members are etcd1, etcd2, etcd3\n";
    assert_eq!((said.code, said.err.as_str()), (Some(2), wanted));
}

#[test]
fn three_members_become_five_and_three_again_while_a_client_writes() {
    with_nodes(|mut nodes| {
        let mut boards = Boards::default();
        let said = nodes.change(&["add", "etcd4"], |_| ());
        let wanted = "error: the address of etcd4 is missing\n";
        assert!(said.err.contains(wanted), "{}", said.words());
        while_writing(&mut nodes, |nodes| {
            // A command that only prepares is continued by the next one.
            let words = ["add", "etcd4", "--address", "192.168.0.53", "--json"];
            let said = nodes.change(&[&words[..], &["--wait", "0"]].concat(), |_| ());
            let report: Value = serde_json::from_slice(&said.done().out).unwrap();
            assert_eq!(
                (&report["waiting"], members(&report).len()),
                (&true.into(), 3)
            );
            let hosts = [("etcd4", 53, "192.168.0.53"), ("etcd5", 54, "192.168.0.54")];
            for (count, (name, host, address)) in hosts.into_iter().enumerate() {
                let words = ["add", name, "--address", address, "--json"];
                let said = nodes.change(&words, |nodes| boards.flash(nodes, name, host, &[]));
                let report: Value = serde_json::from_slice(&said.done().out).unwrap();
                assert_eq!(members(&report).len(), 4 + count, "{report:#}");
            }
            let text = nodes.members.scene.text("cluster.toml");
            assert_eq!(text.matches("[[node]]").count(), 5, "{text}");
            for (name, left) in [("etcd4", 4), ("etcd5", 3)] {
                let said = nodes.change(&["remove", name, "--json"], |_| ());
                let report: Value = serde_json::from_slice(&said.done().out).unwrap();
                assert_eq!(members(&report).len(), left, "{report:#}");
                boards.switch_off(name);
            }
        });
        assert_eq!(listed(&nodes, 1), "etcd1+etcd2+etcd3");
        only_a_former_member_is_removed_twice(&mut nodes);
        // With one member down, the others may not go.
        nodes.members.kill(2);
        nodes.members.become_healthy();
        let said = nodes.change(&["remove", "etcd1"], |_| ());
        let wanted = "error: cluster main would have no majority without etcd1: 1 of the other 2 members work: etcd3 does \
                      not take part: Connection refused (os error 111)\n";
        assert!(said.err.starts_with(wanted), "{}", said.words());
        assert_eq!(said.code, Some(6));
        let said = nodes.change(&["add", "etcd4", "--address", "192.168.0.53"], |_| ());
        let wanted = "error: cluster main cannot admit etcd4 while etcd3 does not take part: Connection refused";
        assert!(said.err.starts_with(wanted), "{}", said.words());
        assert_eq!(said.code, Some(6));
        assert!(!nodes.members.scene.text("cluster.toml").contains("etcd4"));
        // The one that is down may go, and then one of two.
        for (name, left) in [("etcd3", 2), ("etcd2", 1)] {
            let said = nodes.change(&["remove", name, "--json"], |_| ());
            let report: Value = serde_json::from_slice(&said.done().out).unwrap();
            assert_eq!(members(&report).len(), left, "{report:#}");
        }
    });
}

#[test]
fn a_dead_member_is_replaced_by_a_new_node() {
    with_nodes(|mut nodes| {
        let mut boards = Boards::default();
        let said = nodes.change(&["replace", "etcd3"], |_| ());
        let wanted = "error: etcd3 is running, and another board gets its name and address\nhint: if this is the new board, nothing is \
                      left to do; otherwise switch etcd3 off, then run the command again\n";
        assert_eq!((said.code, said.err.as_str()), (Some(4), wanted));
        nodes.members.kill(2);
        let said = nodes.change(&["replace", "etcd9", "etcd4"], |_| ());
        let wanted = "error: cluster main has no member `etcd9`\nhint: its members are etcd1, etcd2, etcd3\n";
        assert_eq!((said.code, said.err.as_str()), (Some(2), wanted));
        let config = nodes.members.scene.at("cluster.toml");
        let unsigned = "[publish]\nsign = 'lost'\n";
        fs::write(&config, unsigned).unwrap();
        let words = ["replace", "etcd3", "etcd4", "--address", "192.168.0.53"];
        let said = nodes.change(&words, |_| ());
        let wanted = "error: reading the key lost: ";
        assert!(said.err.contains(wanted), "{}", said.words());
        let text = nodes.members.scene.text("cluster.toml");
        assert_eq!(text, unsigned, "it was changed");
        fs::write(&config, "# Ours.\n[cluster]\nname = 'main' # short\n").unwrap();
        while_writing(&mut nodes, |nodes| {
            let words = ["replace", "etcd3", "etcd4", "--address", "192.168.0.53"];
            let said = nodes.change(&words, |nodes| {
                boards.flash(nodes, "etcd4", 53, &["etcd3"]);
            });
            let text = said.done().text();
            let wanted = "etcd4 has replaced etcd3; members of cluster main: etcd1, etcd2, etcd4 (";
            assert!(text.starts_with(wanted), "{text}");
            // Nothing is left to do.
            let again = nodes.change(&words, |_| ()).done();
            assert!(again.text().starts_with(wanted), "{}", again.words());
        });
        let text = nodes.members.scene.text("cluster.toml");
        assert!(
            text.starts_with("# Ours.\n[cluster]\nname = 'main' # short\n"),
            "{text}"
        );
        assert!(
            text.ends_with("address = \"192.168.0.53\"\nreplaces = \"etcd3\"\n"),
            "{text}"
        );
        assert_eq!(listed(&nodes, 0), "etcd1+etcd2+etcd4");
        // One member is down: its card is exchanged.
        nodes.members.kill(1);
        let away = nodes.members.scene.at("cluster.away");
        fs::rename(&config, &away).unwrap();
        let said = nodes.change(&["replace", "etcd2", "--wait", "0"], |_| ());
        let wanted = "error: there is no cluster.toml here, from which the image is built\n\
                      hint: write one with `etcd-image init` that describes the nodes of the cluster: etcd1, etcd2, etcd4\n";
        assert_eq!(said.code, Some(2), "{}", said.words());
        assert!(said.err.ends_with(wanted), "{}", said.words());
        fs::rename(&away, &config).unwrap();
        let said = nodes.change(&["replace", "etcd2", "--wait", "0"], |_| ());
        let text = said.done().text();
        assert!(
            text.starts_with("etcd2 is prepared but not yet a member; "),
            "{text}"
        );
        assert!(nodes.members.scene.image_path(NAMES[1]).exists());
    });
}

/// Removes etcd4, which joins as soon as `is_time` holds. The shell command `sudo` runs before every command that uses sudo(8) on the
/// third node, and delays one of them until the file `go` exists.
fn joins_while_it_is_removed(nodes: &mut Nodes, sudo: &str, is_time: impl Fn(&Nodes) -> bool) {
    let text = format!("#!/bin/sh\n{sudo}\nshift\nexec \"$@\"\n");
    fs::write(nodes.folder(2).join("bin/sudo"), text).unwrap();
    let (go, mut boards) = (nodes.members.scene.at("go"), Boards::default());
    // The third node does not answer before etcd4 has joined, which takes long on a busy machine.
    let words = ["remove", "etcd4", "--json", "--ssh-timeout", "600"];
    let said = nodes.change(&words, |nodes| {
        if is_time(nodes) && !boards.is_on("etcd4") {
            let board = nodes.members.join("etcd4", 53, &[]);
            boards.0.push(("etcd4", board));
            fs::write(&go, "").unwrap();
        }
    });
    let report: Value = serde_json::from_slice(&said.done().out).unwrap();
    assert_eq!(members(&report), NAMES);
    assert!(boards.is_on("etcd4"));
}

fn prepare_etcd4(nodes: &mut Nodes) {
    let words = ["add", "etcd4", "--address", "192.168.0.53", "--wait", "0"];
    nodes.change(&words, |_| ()).done();
}

/// It was prepared, and is switched on after the command has looked at the members.
#[test]
fn a_node_that_joins_while_it_is_removed_is_no_member_afterwards() {
    with_nodes(|mut nodes| {
        prepare_etcd4(&mut nodes);
        let go = nodes.members.scene.at("go");
        let sudo = format!(
            "[ \"$4\" != renew ] || until [ -e {} ]; do sleep 0.05; done",
            go.display()
        );
        joins_while_it_is_removed(&mut nodes, &sudo, |nodes| {
            !nodes.members.scene.text("cluster.toml").contains("etcd4")
        });
    });
}

/// A command that was killed may have left the others with the list that admits it, and the next one has looked at the members.
#[test]
fn a_node_that_joins_while_its_removal_is_repeated_is_no_member_afterwards() {
    with_nodes(|mut nodes| {
        prepare_etcd4(&mut nodes);
        nodes.change(&["remove", "etcd4"], |_| ()).done();
        let [asked, go] = ["asked", "go"].map(|name| nodes.members.scene.at(name));
        let sudo = format!(
            "[ \"$4\" != list ] || {{ : >{}; until [ -e {} ]; do sleep 0.05; done; }}",
            asked.display(),
            go.display()
        );
        joins_while_it_is_removed(&mut nodes, &sudo, |_| asked.exists());
    });
}

#[test]
fn an_insecure_cluster_grows_and_shrinks_while_a_client_writes() {
    with_insecure_nodes(|mut nodes| {
        let mut boards = Boards::default();
        while_writing(&mut nodes, |nodes| {
            let words = ["add", "etcd4", "--address", "192.168.0.53", "--json"];
            let said = nodes.change(&words, |nodes| boards.flash(nodes, "etcd4", 53, &[]));
            let report: Value = serde_json::from_slice(&said.done().out).unwrap();
            assert_eq!(members(&report), ["etcd1", "etcd2", "etcd3", "etcd4"]);
            let said = nodes.change(&["remove", "etcd4", "--json"], |_| ());
            let report: Value = serde_json::from_slice(&said.done().out).unwrap();
            assert_eq!(members(&report), NAMES);
            boards.switch_off("etcd4");
        });
        let text = nodes.members.scene.text("cluster.toml");
        assert!(text.starts_with("[etcd]\ninsecure = true\n"), "{text}");
        let said = nodes.cluster(&["renew"]);
        let wanted = "error: cluster main speaks plain HTTP and uses no certificates\n";
        assert!(said.err.starts_with(wanted), "{}", said.words());
        assert_eq!(said.code, Some(2));
    });
}
