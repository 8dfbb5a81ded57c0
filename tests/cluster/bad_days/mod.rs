//! Every command on bad days: it says what failed, where, why and what to do next, and leaves the members and their data
//! as they were.
//!
//! The messages are compared with reviewed texts in `tests/snapshots/bad-days-*.txt`.

mod diary;
mod keys;

use std::fs;
use std::path::PathBuf;

use crate::support::fixture::script;
use crate::support::members::address;
use crate::support::nodes::Nodes;
use crate::support::tool::tool;

/// The commands, with words that are right on a good day.
const COMMANDS: [&str; 15] = [
    "status",
    "backup new.db",
    "restore good.db --in-place",
    "renew --within 5000d",
    "rotate-ca",
    "upgrade --etcd RELEASE",
    "replace etcd3 etcd9 --address 192.168.0.59",
    "add etcd4 --address 192.168.0.53",
    "remove etcd3",
    "defrag",
    "compact",
    "alarm disarm",
    "move-leader",
    "logs etcd1",
    "reboot etcd1",
];

/// Writes a key, and saves a snapshot and a release for the commands.
fn prepare(nodes: &mut Nodes) {
    let client = nodes.members.client();
    client.put(address(0), "kept", "value").unwrap();
    nodes.run(&[], &["backup", "good.db"], |_| ()).done();
    let release = nodes.members.scene.at(RELEASE);
    script("release.sh", &["arm64", "3.5.99"], &release);
}

/// The release that `RELEASE` stands for.
const RELEASE: &str = "etcd-v3.5.99-linux-arm64.tar.gz";

/// Waits until all members are healthy, and checks that they are the same ones with the same data.
#[track_caller]
fn intact(nodes: &Nodes) {
    nodes.members.become_healthy();
    let client = nodes.members.client();
    for member in 0..3 {
        let value = client.get(address(member), "kept").unwrap();
        assert_eq!(value.as_deref(), Some("value"));
        let list = client.members(address(member)).unwrap();
        let mut names: Vec<_> = list.iter().map(|member| member.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["etcd1", "etcd2", "etcd3"]);
    }
    assert_eq!(nodes.members.scene.text("cluster.toml"), "");
}

/// Copies the state directory.
fn copy_state(nodes: &Nodes, name: &str) -> PathBuf {
    let [from, to] = ["etcd-cluster", name].map(|name| nodes.members.scene.at(name));
    tool("cp", &["-a".as_ref(), from.as_os_str(), to.as_os_str()]).done();
    to
}

/// Returns the words with which another program runs at another time.
fn at_time(offset: &str) -> [String; 3] {
    let checkers = concat!(env!("CARGO_MANIFEST_DIR"), "/target/checkers/usr/lib");
    let folders = fs::read_dir(checkers).unwrap();
    let mut all = folders.map(|entry| entry.unwrap().path().join("faketime/libfaketime.so.1"));
    let found = all.find(|library| library.is_file());
    let library = found.expect("libfaketime is missing: run `cargo xtask quick`");
    [
        format!("LD_PRELOAD={}", library.display()),
        format!("FAKETIME={offset}"),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
    ]
}
