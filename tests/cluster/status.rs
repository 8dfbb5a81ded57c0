//! `cluster status` of real members, while all works and after failures.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::checker;
use crate::support::members::{Members, NAMES, address, until, with_members, with_members_and};
use crate::support::scene::{Outcome, PROGRAM};
use crate::support::tool::{Running, tool};

/// The longest time that a report may take, far above the sum of its time limits.
const BOUND: Duration = Duration::from_mins(1);

fn status(members: &Members, options: &[&str]) -> Outcome {
    let started = Instant::now();
    let outcome = members
        .scene
        .bare(&[&["cluster", "status"], options].concat());
    assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
    outcome
}

/// Asks until the report is as wanted, because a busy machine may cause an election at any time.
#[track_caller]
fn eventually(members: &Members, options: &[&str], wanted: impl Fn(&Outcome) -> bool) -> Outcome {
    let end = Instant::now() + BOUND;
    loop {
        let outcome = status(members, options);
        if wanted(&outcome) {
            return outcome;
        }
        assert!(Instant::now() < end, "{}{}", outcome.stdout, outcome.stderr);
    }
}

#[track_caller]
fn well(members: &Members, options: &[&str]) -> Outcome {
    eventually(members, options, |outcome| outcome.code == Some(0))
}

/// Returns the report of a cluster that is not healthy, whose error begins like this.
#[track_caller]
fn sick(members: &Members, options: &[&str], error: &str) -> Value {
    let begin = format!("error: cluster main is {error}");
    let options = [&["--json"], options].concat();
    let outcome = eventually(members, &options, |outcome| {
        outcome.stderr.starts_with(&begin)
    });
    assert_eq!(outcome.code, Some(6), "{}", outcome.stderr);
    serde_json::from_str(&outcome.stdout).unwrap()
}

#[test]
fn a_healthy_cluster_is_shown_with_everything_that_etcd_knows() {
    with_members(|members| {
        let outcome = well(&members, &["--json", "--prometheus", "etcd.prom"]);
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(report["format"], 1);
        assert_eq!(report["verdict"], "healthy");
        let said = members
            .etcdctl(&["endpoint", "status", "--write-out=json"])
            .done();
        let foreign: Value = serde_json::from_slice(&said.out).unwrap();
        for (at, name) in NAMES.iter().enumerate() {
            let (member, wanted) = (&report["members"][at], &foreign[at]["Status"]);
            assert_eq!(member["name"], *name);
            assert_eq!(member["version"], wanted["version"]);
            assert_eq!(member["raft_term"], wanted["raftTerm"]);
            let id = u64::from_str_radix(member["id"].as_str().unwrap(), 16).unwrap();
            assert_eq!(wanted["header"]["member_id"], id);
            assert_eq!(member["role"] == "leader", wanted["leader"] == id);
            assert_eq!(member["database"]["quota"], 2_147_483_648_u64);
            for certificate in ["server_certificate", "peer_certificate"] {
                // Of 1825 days, the current one has begun.
                assert_eq!(member[certificate]["days_left"], 1824, "{member}");
            }
            assert_eq!(member["ssh_trouble"], "`ssh` is not installed");
        }
        let metrics = members.scene.text("etcd.prom");
        assert!(
            metrics.contains("etcd_image_cluster_healthy{cluster=\"main\"} 1\n"),
            "{metrics}"
        );
        checker::metrics(&members.scene.at("etcd.prom")).unwrap();
        // The directory beside the images is enough.
        fs::remove_file(members.scene.at("etcd-cluster/cluster.json")).unwrap();
        let text = status(&members, &["--client", "images/client"])
            .done()
            .stdout;
        let first = text.lines().next().unwrap();
        assert!(
            first.starts_with("cluster main: healthy, 3 of 3 members work, etcd"),
            "{first}"
        );
    });
}

#[test]
fn missing_members_and_a_missing_quorum_are_named() {
    with_members(|mut members| {
        members.kill(2);
        members.become_healthy();
        let silent = "does not answer: Connection refused (os error 111)";
        let report = sick(&members, &[], &format!("degraded: etcd3 {silent}\n"));
        assert_eq!(report["members"][2]["reachable"], false);
        assert_eq!(report["members"][2]["started"], true);
        // A file that cannot be written hides nothing.
        let unwritable = ["--prometheus", "none/etcd.prom"];
        let outcome = eventually(&members, &unwritable, |outcome| {
            outcome.stdout.starts_with("cluster main: degraded, 2 of 3")
        });
        let said = &outcome.stderr;
        assert!(said.starts_with("warning: writing "), "{said}");
        assert_eq!(outcome.code, Some(6), "{said}");
        members.kill(1);
        let report = sick(&members, &[], "down: etcd1 does not confirm a read: ");
        assert_eq!(report["verdict"], "down");
        let problems = report["problems"].as_array().unwrap();
        assert!(
            problems.contains(&format!("etcd2 {silent}").into()),
            "{report:#}"
        );
        // Members that start without a quorum serve no clients, but answer the others.
        members.kill(0);
        members.resume(0);
        let waits = "etcd runs and serves no clients: it waits for the other members";
        sick(
            &members,
            &[],
            &format!("down: etcd1 does not answer: {waits}\n"),
        );
        // And well again.
        members.resume(1);
        members.resume(2);
        well(&members, &[]);
    });
}

#[test]
fn a_foreign_state_directory_is_reported_with_the_way_out() {
    with_members(|members| {
        let build = ["--nodes", "3", "--state", "other", "--out", "o"];
        members.scene.run("build", &build).done();
        let outcome = status(&members, &["--state", "other"]);
        let error = "error: cluster main is down: etcd1 does not answer: TLS: invalid peer certificate: BadSignature\n\
                     hint: name the state directory of this cluster with `--state`: this one has another CA\n";
        assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(6), error));
        let ca = members.scene.at("etcd-cluster/ca.crt");
        fs::copy(ca, members.scene.at("other/ca.crt")).unwrap();
        let outcome = status(&members, &["--state", "other"]);
        let begin =
            "error: cluster main is down: etcd1 does not answer: TLS: received fatal alert: ";
        assert!(outcome.stderr.starts_with(begin), "{}", outcome.stderr);
        assert_eq!(outcome.code, Some(6));
        fs::remove_file(members.scene.at("other/cluster.json")).unwrap();
        status(&members, &["--state", "other"]).refused_naming(2, &["other has no cluster.json"]);
        status(&members, &["--state", "nowhere"]).refused_naming(2, &["nowhere does not exist"]);
        status(&members, &["--client", "nowhere"]).refused_naming(2, &["nowhere does not exist"]);
    });
}

#[test]
fn an_alarm_makes_the_cluster_degraded() {
    with_members_and(&["--quota-backend-bytes=4194304"], |members| {
        let (client, value) = (members.client(), "x".repeat(1 << 20));
        let full = (0..20).any(|key| client.put(address(0), &key.to_string(), &value).is_err());
        assert!(full, "etcd has accepted 20 MiB");
        let report = sick(&members, &[], "degraded: alarm NOSPACE on etcd");
        let alarm = report["alarms"][0].as_str().unwrap();
        assert!(alarm.starts_with("NOSPACE on etcd"), "{alarm}");
        assert_eq!(report["verdict"], "degraded");
    });
}

/// An ssh that refuses to log in without the cluster's host keys, and otherwise runs the command on this machine.
const SSH: &str = r#"#!/bin/sh
case " $* " in
*" -F none -o UserKnownHostsFile=\"etcd-cluster/known_hosts\" "*" StrictHostKeyChecking=yes "*" BatchMode=yes "*) ;;
*) echo "wrong options: $*" >&2; exit 255 ;;
esac
while [ "$1" != -- ]; do [ "$1" != -l ] || user=$2; shift; done
case $user@$2 in
pi@192.168.0.50) exec sh -c "$3" ;;
pi@192.168.0.51) echo "Host key verification failed." >&2; exit 255 ;;
*) exec sleep 1000 ;;
esac
"#;

#[test]
fn nodes_are_asked_over_ssh_for_a_limited_time() {
    with_members(|members| {
        members.scene.file("bin/ssh", SSH);
        let ssh = members.scene.at("bin/ssh");
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:/usr/bin:/bin", ssh.parent().unwrap().display());
        let started = Instant::now();
        let outcome = members.scene.bare_with_path(
            &path,
            &["cluster", "status", "--json", "--ssh-timeout", "10"],
        );
        assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
        let report: Value = serde_json::from_str(&outcome.stdout).unwrap();
        let [first, second, third] = [0, 1, 2].map(|at| &report["members"][at]);
        let offset = first["node"]["clock_offset"].as_f64().unwrap();
        assert!(offset.abs() < 10.0, "{offset}");
        assert!(first["node"]["read_only"].is_boolean(), "{first}");
        assert_eq!(
            second["ssh_trouble"],
            "its host key is not the one in known_hosts"
        );
        assert_eq!(third["ssh_trouble"], "it did not end within 10 s");
    });
}

#[test]
fn watching_repeats_the_report_until_it_is_stopped() {
    with_members(|members| {
        let command = ["cluster", "status", "--watch", "1", "--state"];
        let state = members.scene.at("etcd-cluster");
        let words = [&command[..], &[state.to_str().unwrap()]].concat();
        let mut watching = Running::start_in(&members.scene.at("tmp"), PROGRAM, &words);
        until(|| {
            let text = watching.text();
            let reports = text.matches("cluster main: healthy").count();
            (reports >= 2).then_some(()).ok_or(text)
        });
        assert!(!watching.has_ended());
        watching.interrupt();
        watching.wait();
        // It also ends when nobody reads any more.
        let (started, state) = (Instant::now(), state.display());
        let script =
            format!("timeout 120 {PROGRAM} cluster status --watch 1 --state {state} | head -n 1");
        let text = tool("sh", &["-c", &script]).done().text();
        assert!(text.starts_with("cluster main: "), "{text}");
        assert!(started.elapsed() < BOUND, "{:?}", started.elapsed());
    });
}

#[test]
fn authentication_does_not_keep_the_administrator_out() {
    with_members(|members| {
        members
            .etcdctl(&["user", "add", "root", "--no-password"])
            .done();
        members
            .etcdctl(&["user", "grant-role", "root", "root"])
            .done();
        members.etcdctl(&["auth", "enable"]).done();
        well(&members, &[]);
    });
}
