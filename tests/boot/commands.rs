//! Runs the commands for running clusters on three booted nodes while a client writes once a second, and measures them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use etcd_image::boot::BootLab;
use etcd_image::etcd::{Client, Patience, Session};
use etcd_image::progress;
use serde_json::Value;

use crate::support::cluster::{Images, NODES, address, answered, healthy, inside};
use crate::support::node::Node;
use crate::support::tool::{Running, Said, tool_in};
use crate::support::writer::Ending;

/// The file with the time that each command took.
const TIMES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/boot-commands.txt");

/// How often a command is tried. An emulated board may be late nevertheless, and a command that is run again continues.
const TRIES: u32 = 5;
/// The seconds that an emulated board gets for a login and a command: a hundred times as long as a real one takes.
const SSH_TIMEOUT: &str = "300";
/// The pause before the next try.
const PAUSE: Duration = Duration::from_secs(20);

/// Three booted nodes, and the operator's directory.
struct Operator {
    lab: BootLab,
    folder: PathBuf,
    key: String,
    at: Vec<IpAddr>,
    /// The table of the commands so far.
    times: String,
}

impl Operator {
    /// Builds three nodes, and boots them to a healthy cluster.
    fn boot(images: &Images) -> Self {
        let mut lab = images.lab();
        for name in NODES {
            lab.machines.start(name).unwrap();
        }
        healthy(&mut lab, &NODES);
        Self {
            at: NODES.map(|name| address(&lab, name)).to_vec(),
            lab,
            folder: images.images().parent().unwrap().to_owned(),
            key: images.key().to_str().unwrap().to_owned(),
            times: String::new(),
        }
    }

    /// Returns a client with the current files of the state directory.
    fn client(&self) -> Client {
        client(&self.folder.join("state"))
    }

    /// Runs a command that reaches the members until it succeeds, and returns its report.
    fn members(&mut self, words: &[&str]) -> Value {
        self.timed(words, &[])
    }

    /// Runs a command that logs in to the nodes until it succeeds, and returns its report.
    fn nodes(&mut self, words: &[&str]) -> Value {
        let key = self.key.clone();
        self.timed(
            words,
            &["--ssh-identity", &key, "--ssh-timeout", SSH_TIMEOUT],
        )
    }

    fn timed(&mut self, words: &[&str], login: &[&str]) -> Value {
        let (started, mut tries) = (Instant::now(), 1);
        let said = loop {
            let said = self.run(words, login);
            if said.code == Some(0) {
                break said;
            }
            assert!(tries < TRIES, "{words:?}: {}", said.words());
            progress::stderr(false).note(&format!("{words:?} again: {}", said.err));
            tries += 1;
            thread::sleep(PAUSE);
        };
        let seconds = started.elapsed().as_secs();
        let line = format!("{:<36} {seconds:>5} s {tries:>6}", words.join(" "));
        progress::stderr(false).note(&line);
        writeln!(self.times, "{line}").unwrap();
        serde_json::from_slice(&said.out).unwrap()
    }

    /// Runs a command. Its restarts end the machines, which are switched on again.
    fn run(&mut self, words: &[&str], login: &[&str]) -> Said {
        let line = [&["cluster"], words, &["--state", "state", "--json"], login].concat();
        let program = env!("CARGO_BIN_EXE_etcd-image");
        let mut command = Running::start_in(&self.folder, program, &line);
        while !command.has_ended() {
            for name in NODES {
                if let Some(how) = self.lab.machines.stopped(name).unwrap() {
                    assert_eq!(words[0], "reboot", "{name} has stopped: {how}");
                    self.lab.machines.start(name).unwrap();
                }
            }
            thread::sleep(Duration::from_millis(200));
        }
        command.wait()
    }

    /// Returns the certificates that the members present to clients.
    fn presented(&self) -> BTreeSet<Vec<u8>> {
        let client = self.client();
        let presented = |node: &IpAddr| {
            let session = answered(|| client.connect(*node));
            session.certificate().to_vec()
        };
        self.at.iter().map(presented).collect()
    }
}

fn client(state: &Path) -> Client {
    Client::open(state, Patience::LABORATORY).unwrap()
}

/// Acts while a client writes once a second to any member that answers. No write fails. Returns the number of writes, and the
/// longest time that one took.
fn while_writing(operator: &mut Operator, act: impl FnOnce(&mut Operator)) -> (u32, Duration) {
    let (state, at) = (operator.folder.join("state"), operator.at.clone());
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
    let before = operator.presented();
    let report = operator.nodes(&["renew", "--within", "2000d"]);
    for node in report["nodes"].as_array().unwrap() {
        // A repeated command finds what the one before has handed over.
        assert_ne!(node["outcome"], "failed", "{report:#}");
    }
    let after = operator.presented();
    assert!(
        before.is_disjoint(&after),
        "a certificate is presented still"
    );
}

/// The three phases of a new CA.
fn rotate(operator: &mut Operator) {
    let before = operator.presented();
    for phase in ["trust", "issue", "done"] {
        let report = operator.nodes(&["rotate-ca"]);
        assert_eq!(report["complete"], phase, "{report:#}");
    }
    let after = operator.presented();
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
    let name = "boot::commands::every_command_works_on_booted_nodes_while_a_client_writes";
    inside(name, || {
        let images = Images::build("commands", 3);
        // An earlier run may have left it.
        let _ = fs::remove_file(images.images().with_file_name("saved.db"));
        let mut operator = Operator::boot(&images);
        let first = operator.at[0];
        answered(|| operator.client().put(first, "kept", "before"));
        let (written, longest) = while_writing(&mut operator, look_after);
        answered(|| operator.client().put(first, "kept", "after"));

        // All members stop for this one.
        operator.nodes(&["restore", "saved.db", "--in-place"]);
        for node in operator.at.clone() {
            let kept = answered(|| operator.client().get(node, "kept"));
            assert_eq!(kept.as_deref(), Some("before"));
        }
        let head = format!("{:<36} {:>7} {:>6}", "etcd-image cluster", "time", "tries");
        let end = format!("{written} writes, none failed, the longest took {longest:.1?}");
        let table = format!("{head}\n{}{end}\n", operator.times);
        progress::stderr(false).note(&table);
        fs::write(TIMES, table).unwrap();
    });
}
