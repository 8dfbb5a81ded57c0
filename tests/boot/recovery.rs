//! Takes a booted cluster from etcd 3.4 to 3.5, fills its databases, and begins again on empty cards from a snapshot.

use std::fs;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use etcd_image::etcd::{CallError, Client, Session};
use serde_json::Value;

use super::operator::{Operator, login};
use crate::support::card::insert;
use crate::support::cluster::{ETCD_3_4, Images, NODES, answered, healthy, inside, on};
use crate::support::members::program;
use crate::support::tool::{Said, tool};

/// The file with the time that each command took.
const TIMES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/boot-recovery.txt");

/// Databases that are full soon, and snapshots that the nodes save by themselves.
const CLUSTER: &str = r#"
[etcd]
quota = "16MiB"

[backup]
every = "30m"
keep = 2
to = "data"
"#;

/// The number of keys that no step may lose.
const KEYS: u32 = 50;

/// The size of a value of which a few dozen fill a database.
const LARGE: usize = 1 << 19;

/// A command that sets a node's clock to five seconds before its timer starts the next snapshot.
const BEFORE_THE_TIMER: &str = "next=$(systemctl show etcd-backup.timer --property=NextElapseUSecRealtime --value) \
    && sudo date --set=@$(($(date --date=\"$next\" +%s) - 5))";

/// A command that prints the node's snapshots, oldest first.
const SNAPSHOTS: &str = "sudo ls /var/lib/etcd/backups 2>/dev/null || true";

fn key(number: u32) -> String {
    format!("recovery/{number}")
}

/// Acts through one connection to a member, and once more through another one if a call fails.
fn through<T>(client: &Client, node: IpAddr, act: impl Fn(&Session) -> Result<T, CallError>) -> T {
    answered(|| act(&client.connect(node)?))
}

fn write_the_keys(operator: &Operator) {
    through(&operator.client(), operator.at()[0], |session| {
        (0..KEYS).try_for_each(|number| session.put(&key(number), &number.to_string()))
    });
}

/// Reads all keys through each member.
fn every_key_is_there(operator: &Operator) {
    let wanted: Vec<_> = (0..KEYS).map(|number| Some(number.to_string())).collect();
    for node in operator.at() {
        let read = through(&operator.client(), node, |session| {
            let values = (0..KEYS).map(|number| session.get(&key(number)));
            values.collect::<Result<Vec<_>, _>>()
        });
        assert_eq!(read, wanted, "{node}");
    }
}

/// Returns what all members report under this name.
fn reported(operator: &mut Operator, name: &str) -> Vec<String> {
    let status = operator.nodes(&["status"]);
    let members = status["members"].as_array().unwrap().iter();
    members
        .map(|member| member[name].as_str().unwrap().to_owned())
        .collect()
}

/// Every member runs the next minor version, and none returns.
fn upgrade(images: &Images, operator: &mut Operator) {
    let before = reported(operator, "version");
    assert!(
        before.len() == 3 && before.iter().all(|it| it.starts_with("3.4.")),
        "{before:?}"
    );
    let report = operator.nodes(&["upgrade", "--offline", "--etcd", "debian"]);
    let version = report["version"].as_str().unwrap();
    assert_eq!(reported(operator, "version"), [version; 3]);
    let (back, key) = (["upgrade", "--offline", "--etcd", ETCD_3_4], images.key());
    let said = operator.once(&back, &login(key.to_str().unwrap()));
    let reason = "etcd 3.4 does not read the data of 3.5";
    assert!(
        said.code == Some(4) && said.err.contains(reason),
        "{}",
        said.words()
    );
    assert_eq!(reported(operator, "version"), [version; 3]);
    every_key_is_there(operator);
}

/// Writes until etcd refuses it, and frees the space as the hints of `alarm disarm` say.
fn fill(images: &Images, operator: &mut Operator) {
    let (client, node, value) = (operator.client(), operator.at()[0], "x".repeat(LARGE));
    let is_full = (0..100).any(|number| {
        let refused = client.put(node, &format!("large/{number}"), &value);
        refused.is_err()
    });
    assert!(is_full, "etcd has accepted 50 MiB");
    until("an alarm is raised", || {
        !through(&client, node, Session::alarms).is_empty()
    });

    let said = operator.once(&["alarm", "disarm"], &[]);
    let hint = "hint: delete keys that nobody needs";
    assert!(
        said.code == Some(6) && said.err.contains(hint),
        "{}",
        said.words()
    );
    let report: Value = serde_json::from_slice(&said.out).unwrap();
    assert_eq!(report["content"]["prefixes"][0]["prefix"], "large/");
    on(images, "etcd1", "etcdctl del --prefix large/").done();
    operator.members(&["compact"]);
    operator.members(&["defrag"]);
    operator.members(&["alarm", "disarm"]);
    answered(|| client.put(node, "room", "again"));
    every_key_is_there(operator);
}

/// The nodes' timers save one snapshot, on the member that leads.
fn save_on_the_timers(images: &Images) {
    for node in NODES {
        on(images, node, BEFORE_THE_TIMER).done();
    }
    let saved = |node: &str| {
        let names = on(images, node, SNAPSHOTS).done().text();
        names.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let all = || NODES.map(|node| (node, saved(node)));
    until("a snapshot is saved", || {
        all().iter().any(|(_, names)| !names.is_empty())
    });
    let all = all();
    let names: Vec<_> = all.iter().flat_map(|(_, names)| names).collect();
    assert_eq!(names.len(), 1, "only the leader saves: {all:?}");
    let (node, names) = all.iter().find(|(_, names)| !names.is_empty()).unwrap();
    let request = format!("sudo cat /var/lib/etcd/backups/{}", names[0]);
    let copy = images.images().with_file_name("timer.db");
    fs::write(&copy, on(images, node, &request).done().out).unwrap();
    is_a_snapshot(copy.to_str().unwrap()).done();
}

fn is_a_snapshot(file: &str) -> Said {
    let etcdutl = program("etcdutl");
    tool(
        etcdutl.to_str().unwrap(),
        &["snapshot", "status", file, "-w", "json"],
    )
}

/// Waits for five minutes at most.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        let is_late = started.elapsed() > Duration::from_mins(5);
        assert!(!is_late, "not within five minutes: {what}");
        thread::sleep(Duration::from_secs(3));
    }
}

/// Builds images with the snapshot and boots them from empty cards.
fn lose_every_card(images: &Images, operator: &mut Operator, snapshot: &str) {
    let snapshot = operator.folder.join(snapshot);
    let config = operator.folder.join("cluster.toml");
    let words = [
        "--config",
        config.to_str().unwrap(),
        "--nodes",
        "3",
        "--base",
        "debian-trixie",
        "--restore",
        snapshot.to_str().unwrap(),
    ];
    let started = Instant::now();
    let built = images.again(&words);
    operator.took("(build --restore)", started.elapsed(), "");
    for name in NODES {
        operator.lab.machines.kill(name).unwrap();
        let image = built.join(format!("{name}.img"));
        insert(&operator.lab, name, &image);
    }
    let started = Instant::now();
    for name in NODES {
        operator.lab.machines.start(name).unwrap();
    }
    healthy(&mut operator.lab, &NODES);
    operator.took("(empty cards, until a quorum)", started.elapsed(), "");
}

#[test]
#[ignore = "boots three machines twice: about twenty minutes"]
fn a_cluster_is_upgraded_filled_saved_and_restored_onto_empty_cards() {
    inside(|| {
        // An earlier run has upgraded the nodes.
        Images::forget("recovery");
        let options = ["--etcd", ETCD_3_4];
        let images = Images::described_with("recovery", 3, CLUSTER, &options);
        let mut operator = Operator::boot(&images, images.lab());
        write_the_keys(&operator);
        upgrade(&images, &mut operator);
        fill(&images, &mut operator);
        save_on_the_timers(&images);
        operator.members(&["backup", "saved.db"]);
        answered(|| operator.client().put(operator.at()[0], "later", "lost"));

        lose_every_card(&images, &mut operator, "saved.db");
        every_key_is_there(&operator);
        let client = operator.client();
        for node in operator.at() {
            assert_eq!(answered(|| client.get(node, "later")), None);
            // Watchers notice that the cluster has begun again.
            let revision = answered(|| client.status(node)).revision();
            assert!(revision > 1_000_000_000, "revision {revision}");
        }
        operator.nodes(&["status"]);
        let end = format!("{KEYS} keys, each read through every member");
        operator.write_times(TIMES, &end);
    });
}
