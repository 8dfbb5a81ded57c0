//! The operators' lock with real members.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::members::{Members, until, with_members};
use crate::support::nodes::{Nodes, with_nodes};
use crate::support::scene::PROGRAM;
use crate::support::tool::Running;

const KEY: &str = "etcd-image/lock";
const WAITING: &str = "waiting for the cluster lock (";

#[test]
fn one_command_changes_a_cluster_at_a_time() {
    with_members(|mut members| {
        // Somebody else has it, on another machine.
        let lease = members.etcdctl(&["lease", "grant", "600"]).done().text();
        let lease = lease.split(' ').nth(1).unwrap().to_owned();
        let holder = r#"{"command":"cluster reboot","operator":"ada@desktop","process":1,"since":1796774280}"#;
        let put = ["put", "--lease", &lease, KEY, holder];
        members.etcdctl(&put).done();
        let refused = members.scene.bare(&["cluster", "defrag"]);
        let wanted = "error: cluster main is being changed by another command: ada@desktop has run `etcd-image cluster reboot` \
                      since 2026-12-08 23:58:00 UTC\nhint: wait until it ends; if it was killed, its lock ends within 30 s\n";
        assert_eq!((refused.code, refused.stderr.as_str()), (Some(4), wanted));
        // Whoever only reads needs none.
        members.scene.bare(&["cluster", "backup", "file.db"]).done();
        // It ends with its lease.
        members.etcdctl(&["lease", "revoke", &lease]).done();
        members.scene.bare(&["cluster", "defrag"]).done();
        let left = members.etcdctl(&["get", KEY]).done().text();
        assert_eq!(left, "", "the lock is given back");
        // A command of this machine was killed: its lock is not taken away, because another machine may have the same name.
        let granted = Instant::now();
        let lease = members.etcdctl(&["lease", "grant", "20"]).done().text();
        let lease = lease.split(' ').nth(1).unwrap().to_owned();
        let put = ["put", "--lease", &lease, KEY, &ended_here()];
        members.etcdctl(&put).done();
        let said = members.scene.bare(&["cluster", "defrag"]).done();
        let waiting = "waiting until the lock of a command that was killed ends\n";
        assert!(said.stderr.starts_with(waiting), "{}", said.stderr);
        assert!(granted.elapsed() > Duration::from_secs(20));
        // Without a majority, a command that may not need one says that it has no lock, and why.
        members.kill(0);
        members.kill(1);
        let said = members.scene.bare(&["cluster", "defrag"]);
        assert!(said.stderr.starts_with(WAITING), "{}", said.stderr);
        let warning = "\nwarning: could not take the cluster lock (";
        assert!(said.stderr.contains(warning), "{}", said.stderr);
        let rest = "); another command may change cluster main at the same time\n";
        assert!(said.stderr.contains(rest), "{}", said.stderr);
        assert_eq!(said.code, Some(6));
        let lost = "could not take the lock of cluster main within 30 s: ";
        let said = members.scene.bare(&["cluster", "rotate-ca"]);
        said.refused_naming(6, &[lost]);
        assert!(!members.scene.at("etcd-cluster/rotation").exists());
    });
}

#[test]
fn a_command_waits_for_the_lock_during_an_election() {
    with_members(|mut members| {
        members.kill(0);
        members.kill(1);
        let words = ["cluster", "move-leader"];
        let command = Running::start_in(&members.scene.at(""), PROGRAM, &words);
        // Its first attempt has failed.
        until(|| {
            let said = command.err();
            said.starts_with(WAITING).then_some(()).ok_or(said)
        });
        members.resume(0);
        members.resume(1);
        let said = command.wait();
        assert!(said.err.starts_with(WAITING), "{}", said.words());
        assert!(!said.err.contains("warning: "), "{}", said.words());
    });
}

#[test]
fn a_command_that_lost_its_lock_stops_before_its_next_step() {
    with_nodes(|mut nodes| {
        lose(&mut nodes, &["reboot", "--rolling"], "restart");
        assert_eq!(nodes.restarted.len(), 1);
        nodes.members.become_healthy();
        lose(&mut nodes, &["rotate-ca"], "restart-etcd");
        assert_eq!(nodes.etcd_restarted.len(), 1);
        let said = nodes.cluster(&["rotate-ca"]).done();
        assert!(said.text().starts_with("phase 1 of 3 is complete"));
        assert_eq!(nodes.etcd_restarted.len(), 3);

        nodes.run(&[], &["backup", "main.db"], |_| ()).done();
        let waiting = "#!/bin/sh\n[ \"$4\" != take ] || { : >\"$NODE/takes\"; until [ -e \"$NODE/lost\" ]; do sleep 0.05; done; }\n\
                       shift\nexec \"$@\"\n";
        fs::remove_file(nodes.folder(0).join("lost")).unwrap();
        fs::write(nodes.folder(0).join("bin/sudo"), waiting).unwrap();
        lose(&mut nodes, &["restore", "main.db", "--in-place"], "takes");
        // No member was stopped.
        nodes.members.become_healthy();
        let aside = nodes.members.data("etcd1").join("aside");
        assert!(!aside.exists());
    });
}

/// Ends the lock of a command when it has made a node write this file, as a long pause of its machine would. The first node may wait
/// for that.
fn lose(nodes: &mut Nodes, words: &[&str], file: &str) {
    let key = nodes.members.scene.at("key").display().to_string();
    let words = [words, &["--ssh-identity", &key]].concat();
    let mut is_lost = false;
    let said = nodes.run(&[], &words, |nodes| {
        if !is_lost && (0..3).any(|node| nodes.folder(node).join(file).exists()) {
            revoke(&nodes.members);
            fs::write(nodes.folder(0).join("lost"), "").unwrap();
            is_lost = true;
        }
    });
    let wanted = "error: cluster main may have been changed by another command while this one ran: it was paused or cut off \
                  from the cluster, and its lock has ended\nhint: look at the cluster with `etcd-image cluster status`, then \
                  run the command again, which continues\n";
    assert!(said.err.ends_with(wanted), "{}", said.words());
    assert_eq!(said.code, Some(4));
}

/// Ends all leases.
fn revoke(members: &Members) {
    let leases = members.etcdctl(&["lease", "list"]).done().text();
    for lease in leases.lines().skip(1) {
        members.etcdctl(&["lease", "revoke", lease]).done();
    }
}

/// Returns the lock of a command on this machine whose process is no more.
fn ended_here() -> String {
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    // No system has a process with this number.
    let process = i32::MAX;
    format!(
        r#"{{"command":"cluster reboot","operator":"somebody@{host}","process":{process},"since":1796774280}}"#
    )
}
