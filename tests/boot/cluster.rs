//! Boots images and checks that they form a cluster and keep every acknowledged write.
//!
//! Each test starts machines and takes minutes: `cargo xtask test` runs them after all others, one at a time.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::cluster::{Images, NODES, inside, turn};
use crate::support::node::Node;
use crate::support::three::Three;
use crate::support::tool::tool;

/// The time budget for the default run's power cuts. A machine that boots in two minutes fits four of them, a slow one fewer.
const CUTS_TIME: Duration = Duration::from_secs(500);

/// How many seconds a cluster may take to become healthy: the default is for machines that emulate it as fast as ours.
const TIMEOUT: &str = "3600";

#[test]
#[ignore = "boots three machines: about four minutes"]
fn boot_shows_a_healthy_cluster_and_leaves_the_images_alone() {
    let _turn = turn();
    let images = Images::build("whole", 3);
    let image = |name: &str| images.images().join(name);
    let digests = || {
        let paths = ["etcd1.img", "etcd2.img", "etcd3.img.zst"].map(image);
        let when = paths
            .clone()
            .map(|path| path.metadata().unwrap().modified().unwrap());
        (tool("sha256sum", &paths).done().text(), when)
    };
    for name in NODES {
        let path = image(&format!("{name}.img"));
        assert_eq!(Node::open(&path).verdict(), Ok(()), "{name}");
    }
    // The last one boots from its compressed image.
    images.compress("etcd3");
    let before = digests();
    let (key, folder) = (images.key(), images.images());
    let words = [
        "boot",
        "--json",
        "--timeout",
        TIMEOUT,
        "--ssh-identity",
        key.to_str().unwrap(),
        folder.to_str().unwrap(),
    ];
    let said = tool(env!("CARGO_BIN_EXE_etcd-image"), &words).done();
    let report: serde_json::Value = serde_json::from_slice(&said.out).unwrap();
    assert_eq!(report["format"], 1);
    assert_eq!(report["members"].as_array().unwrap().len(), 3);
    let leaders = report["members"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|row| row["leader"] == true);
    assert_eq!(leaders.count(), 1);
    for node in report["nodes"].as_array().unwrap() {
        let checks = node["checks"].as_array().unwrap();
        assert_eq!(checks.len(), 9, "{node:#}");
        assert!(
            checks.iter().all(|check| check["outcome"] == "passed"),
            "{node:#}"
        );
    }
    assert_eq!(digests(), before);
}

#[test]
#[ignore = "boots three machines two to six times: about ten minutes"]
fn a_killed_node_catches_up_and_power_cuts_lose_no_acknowledged_write() {
    inside(|| {
        let mut three = Three::healthy("three");
        three.misses_nobody_and_lets_catch_up("etcd1");
        three.keeps_its_promises_for(CUTS_TIME, 5);
        three.has_systems_as_they_were_flashed();
    });
}

#[test]
#[ignore = "boots a Raspberry Pi 3: about five minutes"]
fn one_node_boots_as_a_raspberry_pi_from_its_own_partition() {
    let _turn = turn();
    let images = Images::build("one", 1);
    let (key, folder) = (images.key(), images.images());
    let words = [
        "boot",
        "--machine",
        "raspi3b",
        "--timeout",
        TIMEOUT,
        "--ssh-identity",
    ];
    let said = tool(
        env!("CARGO_BIN_EXE_etcd-image"),
        &[
            &words[..],
            &[key.to_str().unwrap(), folder.to_str().unwrap()],
        ]
        .concat(),
    );
    assert!(said.done().text().contains("leader"));
}

/// Returns the network namespaces of all processes we may inspect, or only of `of` and its descendants.
fn networks(of: Option<u32>) -> BTreeSet<PathBuf> {
    let all: Vec<u32> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    let ours = all
        .iter()
        .filter(|id| of.is_none_or(|of| descends(**id, of)));
    let link = |id: &u32| fs::read_link(format!("/proc/{id}/ns/net")).ok();
    ours.filter_map(link).collect()
}

/// Returns whether a process is a descendant of another.
fn descends(id: u32, from: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    match parent.and_then(|parent| parent.trim().parse().ok()) {
        None | Some(0) => false,
        Some(parent) => parent == from || descends(parent, from),
    }
}

#[test]
#[ignore = "boots a machine three times, for seconds each"]
fn nothing_is_left_however_it_ends() {
    let _turn = turn();
    let folder = Images::build("ended", 1).images();
    for signal in ["-INT", "-TERM", "-KILL"] {
        let before = networks(None);
        let mut command = Command::new(env!("CARGO_BIN_EXE_etcd-image"));
        let mut boot = command
            .arg("boot")
            .arg(&folder)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(boot.stderr.take().unwrap()).lines();
        told.find(|line| line.as_ref().is_ok_and(|line| line.ends_with("kernel")))
            .unwrap()
            .unwrap();
        let during = networks(Some(boot.id()));
        let ours: Vec<_> = during.difference(&before).collect();
        assert_eq!(ours.len(), 1, "one namespace for all machines");
        // This uses the shell's own `kill`, because a minimal system has no program of that name.
        tool("sh", &["-c", &format!("kill {signal} {}", boot.id())]).done();
        boot.wait().unwrap();
        let stopped = Instant::now();
        while networks(None).contains(ours[0]) {
            // A machine releases its memory before it disappears.
            let late = stopped.elapsed() > Duration::from_mins(1);
            assert!(!late, "something outlived kill {signal}");
            thread::sleep(Duration::from_secs(1));
        }
        let shared = fs::read_dir("/dev/shm").unwrap().flatten();
        assert!(
            shared
                .filter(|file| file.path().ends_with("etcd1.qcow2"))
                .count()
                == 0
        );
    }
}

#[test]
#[ignore = "boots two machines: about two minutes"]
fn a_node_of_a_foreign_authority_is_named() {
    let _turn = turn();
    let images = Images::build("betrayed", 2);
    images.betray("etcd2");
    let folder = images.images();
    let said = tool(
        env!("CARGO_BIN_EXE_etcd-image"),
        &["boot", "--timeout", TIMEOUT, folder.to_str().unwrap()],
    );
    assert_eq!(said.code, Some(6), "{}", said.words());
    let error = said.err.lines().find(|line| line.starts_with("error: "));
    let error = error.unwrap_or_default();
    assert!(
        error.contains("node etcd2") && error.contains("invalid peer certificate"),
        "{error}"
    );
}

#[test]
#[ignore = "boots a machine for seconds"]
fn a_node_that_is_late_is_given_up_with_the_reason() {
    let _turn = turn();
    let folder = Images::build("late", 1).images();
    let words = ["boot", "--timeout", "15", folder.to_str().unwrap()];
    let said = tool(env!("CARGO_BIN_EXE_etcd-image"), &words);
    assert_eq!(said.code, Some(6), "{}", said.words());
    let told = [
        "--- last lines of the console of etcd1",
        "error: not healthy after 15 s: etcd1 reached ",
        "hint: allow a slow machine more time with `--timeout`",
    ];
    for words in told {
        assert!(said.err.contains(words), "no `{words}` in\n{}", said.err);
    }
}
