//! The operators' lock with real members.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::members::with_members;

const KEY: &str = "etcd-image/lock";

#[test]
fn one_command_changes_a_cluster_at_a_time() {
    let name = "cluster::lock::one_command_changes_a_cluster_at_a_time";
    with_members(name, |mut members| {
        // Somebody else has it, on another machine.
        let lease = members.etcdctl(&["lease", "grant", "3"]).done().text();
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
        let started = Instant::now();
        while members.scene.bare(&["cluster", "defrag"]).code != Some(0) {
            assert!(started.elapsed() < Duration::from_mins(1));
            thread::sleep(Duration::from_millis(200));
        }
        let left = members.etcdctl(&["get", KEY]).done().text();
        assert_eq!(left, "", "the lock is given back");
        // A command of this machine was killed: its lock is not taken away, because another machine may have the same name.
        let lease = members.etcdctl(&["lease", "grant", "6"]).done().text();
        let lease = lease.split(' ').nth(1).unwrap().to_owned();
        let put = ["put", "--lease", &lease, KEY, &ended_here()];
        members.etcdctl(&put).done();
        let started = Instant::now();
        let said = members.scene.bare(&["cluster", "defrag"]).done();
        let waiting = "waiting until the lock of a command that was killed ends\n";
        assert!(said.stderr.starts_with(waiting), "{}", said.stderr);
        assert!(started.elapsed() > Duration::from_secs(6));
        // Without a majority, a command says that it has no lock, and why.
        members.kill(0);
        members.kill(1);
        let said = members.scene.bare(&["cluster", "defrag"]);
        let warning = "warning: could not take the cluster lock (";
        assert!(said.stderr.starts_with(warning), "{}", said.stderr);
        let rest = "); another command may change cluster main at the same time\n";
        assert!(said.stderr.contains(rest), "{}", said.stderr);
        assert_eq!(said.code, Some(6));
    });
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
