//! Every command when something fails: it says what failed, where, why and what to do next, and leaves the members and their data
//! as they were.
//!
//! The messages are compared with reviewed texts in `tests/snapshots/failures-*.txt`.

mod clock;
mod cut;
mod diary;
mod full;
mod keys;
mod killed;

use std::fs;
use std::path::PathBuf;

use crate::support::fixture::script;
use crate::support::members::{NAMES, address};
use crate::support::nodes::{Nodes, version};
use crate::support::tool::{Said, tool};

/// The state directory of the members.
const OWN: &str = "etcd-cluster";

/// The commands, with words that are right if nothing fails.
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

/// Makes the first member the leader, so that the order of the members is known.
fn lead(nodes: &mut Nodes) {
    nodes.settle();
    nodes.run(&[], &["move-leader", "etcd1"], |_| ()).done();
}

/// Checks that the members are the same ones with the same data, and that nobody has changed the description of the cluster.
#[track_caller]
fn intact(nodes: &Nodes) {
    unharmed(nodes);
    assert_eq!(nodes.members.scene.text("cluster.toml"), "");
}

/// Makes a release with the version of this machine's etcd of a minor version, and returns its name.
fn release_of(nodes: &Nodes, series: &str) -> String {
    let version = version(series);
    let name = format!("etcd-v{version}-linux-arm64.tar.gz");
    script(
        "release.sh",
        &["arm64", &version],
        &nodes.members.scene.at(&name),
    );
    name
}

/// Waits until all members are healthy, and checks that they are the same ones with the same data.
#[track_caller]
fn unharmed(nodes: &Nodes) {
    nodes.members.become_healthy();
    let client = nodes.members.client();
    for member in 0..3 {
        let value = client.get(address(member), "kept").unwrap();
        assert_eq!(value.as_deref(), Some("value"));
        let list = client.members(address(member)).unwrap();
        let mut names: Vec<_> = list.iter().map(|member| member.name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, NAMES);
    }
}

/// Runs a command in the scene of the nodes.
fn run(nodes: &mut Nodes, command: &str) -> Said {
    run_until(nodes, command, |_| false)
}

/// Runs a command in the scene of the nodes, and kills it when the moment has come.
fn run_until(nodes: &mut Nodes, command: &str, moment: impl FnMut(&mut Nodes) -> bool) -> Said {
    let words = diary::words(nodes, OWN, command);
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    nodes.run_until(&[], &words, moment)
}

/// Returns the first node that has a file.
fn having(file: impl Fn(usize) -> PathBuf) -> Option<usize> {
    (0..3).find(|node| file(*node).exists())
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
