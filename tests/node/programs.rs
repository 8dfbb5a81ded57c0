//! Checks which etcd `overlays/etcd/programs` lets run: that of the image, or one that the node has received.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::rendered::rendered;
use crate::support::tool::{Said, tool};

/// The directories of a node.
struct Node(TempDir);

impl Node {
    /// Creates a node whose image has this etcd.
    fn new(image: &str) -> Self {
        let node = Self(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        for folder in ["image", "data", "run"] {
            fs::create_dir(node.at(folder)).unwrap();
        }
        let [bin, data, run] =
            ["image", "data", "run"].map(|name| node.at(name).display().to_string());
        let program = rendered("", "/usr/local/lib/etcd-node/programs")
            .replace("/usr/local/bin", &bin)
            .replace("/var/lib/etcd", &data)
            .replace("/run/etcd", &run)
            .replace("sleep 10", "");
        fs::write(node.at("program"), program).unwrap();
        node.flash(image);
        node
    }

    /// Creates a node that has received this etcd and has been ready with it.
    fn proven(image: &str, received: &str) -> Self {
        let node = Self::new(image);
        node.receive(received);
        assert_eq!(node.start(), received);
        node.become_ready();
        node
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes an image with this etcd.
    fn flash(&self, version: &str) {
        fs::write(self.at("image/etcd"), program(version)).unwrap();
        fs::set_permissions(self.at("image/etcd"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, words: &str) -> Said {
        let script = format!("exec dash '{}' {words}", self.at("program").display());
        tool("dash", &["-c", &script])
    }

    /// Sends a program as `cluster upgrade` does.
    fn take(&self, name: &str, text: &str) -> Said {
        fs::write(self.at("input"), text).unwrap();
        let digest = tool("sha256sum", &[self.at("input")]).done().text();
        self.run(&format!(
            "take {name} {} <'{}'",
            &digest[..64],
            self.at("input").display()
        ))
    }

    fn receive(&self, version: &str) {
        for name in ["etcd", "etcdctl"] {
            self.take(name, &program(version)).done();
        }
        self.run(&format!("use {version}")).done();
    }

    /// Runs the program as before a start of etcd, and returns the version of the etcd that starts.
    fn start(&self) -> String {
        self.run("").done();
        let upgraded = self.at("run-node/upgraded/etcd");
        let etcd = if upgraded.exists() {
            upgraded
        } else {
            self.at("image/etcd")
        };
        let said = tool(etcd.to_str().unwrap(), &["--version"]).done().text();
        said.trim()
            .strip_prefix("etcd Version: ")
            .unwrap()
            .to_owned()
    }

    /// Returns what it prints before a start of etcd.
    fn start_says(&self) -> String {
        self.run("").done().text()
    }

    /// etcd has become ready.
    fn become_ready(&self) {
        fs::write(self.at("run/ready"), "").unwrap();
        self.run("ready").done();
    }

    /// etcd has ended before it was ready, with this last line of its log.
    fn end(&self, line: &str) {
        // `join` does both.
        let _ = fs::remove_file(self.at("run/ready"));
        fs::write(self.at("run/log"), format!("starting\n{line}\n")).unwrap();
    }

    /// Returns the versions with which etcd starts again and again without becoming ready.
    fn tries(&self, count: usize, line: &str) -> Vec<String> {
        let each = (0..count).map(|_| {
            let started = self.start();
            self.end(line);
            started
        });
        each.collect()
    }

    /// Returns why the node does not run what it has received last.
    fn failed(&self) -> String {
        fs::read_to_string(self.at("run-node/failed")).unwrap_or_default()
    }

    /// Returns the directory of the current received programs.
    fn current(&self) -> PathBuf {
        let name = fs::read_to_string(self.at("data/programs/current")).unwrap();
        self.at("data/programs").join(name.trim())
    }
}

/// Returns an etcd that prints its version and does nothing else.
fn program(version: &str) -> String {
    format!("#!/bin/sh\necho 'etcd Version: {version}'\n")
}

#[test]
fn a_node_reports_the_digest_of_the_etcd_that_runs() {
    let running = |node: &Node| {
        let lines = node.run("list").done().text();
        let mut digests = lines.lines().filter_map(|it| it.strip_prefix("running="));
        let digest = digests.next().map(str::to_owned);
        assert_eq!(digests.next(), None, "{lines}");
        digest
    };
    let digest_of = |node: &Node, name: &str| {
        let said = tool("sha256sum", &[node.at(name)]).done().text();
        Some(said[..64].to_owned())
    };
    let node = Node::new("3.5.16");
    let own = digest_of(&node, "image/etcd");
    assert_eq!(running(&node), own);
    // Another build of the same version, which runs after the next start.
    for name in ["etcd", "etcdctl"] {
        node.take(name, &format!("{}# rebuilt\n", program("3.5.16")))
            .done();
    }
    node.run("use 3.5.16").done();
    assert_eq!(running(&node), own);
    node.start();
    let received = digest_of(&node, "run-node/upgraded/etcd");
    assert_ne!(received, own);
    assert_eq!(running(&node), received);
}

/// The etcd of the image when the other one was received, the received one, that of the image later, and which one runs.
const IMAGES: [[&str; 4]; 8] = [
    ["3.5.16", "3.5.30", "3.5.16", "3.5.30"],
    ["3.4.23", "3.5.16", "3.4.23", "3.5.16"],
    // An earlier release was wanted.
    ["3.5.16", "3.5.10", "3.5.16", "3.5.10"],
    // An older image, and the same one.
    ["3.5.16", "3.5.30", "3.5.9", "3.5.30"],
    ["3.5.16", "3.5.30", "3.5.30", "3.5.30"],
    // A newer image.
    ["3.5.16", "3.5.30", "3.5.31", "3.5.31"],
    ["3.5.16", "3.5.30", "3.6.0", "3.6.0"],
    ["3.5.8", "3.5.9", "3.5.10", "3.5.10"],
];

#[test]
fn a_later_image_wins_only_with_a_newer_etcd() {
    for [image, received, later, wanted] in IMAGES {
        let node = Node::proven(image, received);
        node.flash(later);
        assert_eq!(node.start(), wanted, "{image} {received} {later}");
        assert_eq!(node.failed(), "");
    }
}

#[test]
fn an_etcd_that_does_not_start_is_given_up_after_three_starts() {
    let node = Node::new("3.4.23");
    node.receive("3.5.99");
    let tried = node.tries(4, "exec: etcd: Exec format error");
    assert_eq!(tried, ["3.5.99", "3.5.99", "3.5.99", "3.4.23"]);
    let why = "etcd 3.5.99 did not become ready in 3 starts: exec: etcd: Exec format error\n";
    assert_eq!(node.failed(), why);
    assert!(node.run("list").text().contains(&format!("failed={why}")));
    // It stays so, until another one comes.
    assert_eq!(node.start(), "3.4.23");
    assert_eq!(node.failed(), why);
    node.receive("3.5.16");
    assert_eq!(
        (node.start().as_str(), node.failed().as_str()),
        ("3.5.16", "")
    );
}

#[test]
fn a_start_that_the_operator_ends_does_not_count() {
    let node = Node::new("3.5.16");
    node.receive("3.5.30");
    let tried = node.tries(
        6,
        r#"{"level":"info","msg":"received signal; shutting down","signal":"terminated"}"#,
    );
    assert!(tried.iter().all(|version| version == "3.5.30"), "{tried:?}");
    // Before it is ready, etcd does not log the signal, but `join` has noted that somebody wanted its end.
    fs::write(node.at("run/ended"), "").unwrap();
    let tried = node.tries(6, r#"{"level":"info","msg":"opened backend db"}"#);
    assert!(tried.iter().all(|version| version == "3.5.30"), "{tried:?}");
}

#[test]
fn the_received_etcd_that_was_ready_runs_again() {
    let node = Node::proven("3.4.23", "3.5.16");
    node.receive("3.5.99");
    let tried = node.tries(4, "killed");
    assert_eq!(tried, ["3.5.99", "3.5.99", "3.5.99", "3.5.16"]);
    // With a release that works, nothing else is kept.
    node.receive("3.5.30");
    assert_eq!(node.start(), "3.5.30");
    node.become_ready();
    let kept = fs::read_dir(node.at("data/programs")).unwrap();
    let kept = kept.filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(kept.count(), 1);
}

#[test]
fn a_member_never_returns_to_an_older_minor_version_that_was_ready() {
    let node = Node::proven("3.4.23", "3.5.16");
    let tried = node.tries(6, "killed");
    assert!(tried.iter().all(|version| version == "3.5.16"), "{tried:?}");
    fs::write(node.current().join("etcd"), "damaged").unwrap();
    let said = node.run("");
    assert_eq!(said.code, Some(1), "{}", said.words());
    let wanted = "etcd-node: refused to start: the received etcd 3.5.16 is damaged: its SHA-256 is not the one that was recorded, \
                  and etcd 3.4.23 of the image must not read its data. Build this node's image with etcd 3.5.16 or newer, and flash it\n";
    assert_eq!(said.text(), wanted);
    node.flash("3.5.20");
    assert_eq!(node.start(), "3.5.20");
    // Within a minor version, it may, but only if they are damaged.
    let node = Node::proven("3.5.16", "3.5.30");
    fs::write(node.current().join("etcd"), "damaged").unwrap();
    assert_eq!(node.start(), "3.5.16");
}

#[test]
fn an_etcd_that_was_ready_is_not_blamed_for_later_failures() {
    let node = Node::proven("3.5.16", "3.5.30");
    let tried = node.tries(6, "panic: the log is damaged");
    assert!(tried.iter().all(|version| version == "3.5.30"), "{tried:?}");
    assert_eq!(node.failed(), "");
}

#[test]
fn failures_of_an_etcd_that_is_given_up_do_not_count_against_the_data() {
    let node = Node::new("3.5.16");
    node.receive("3.5.30");
    node.tries(3, "panic: this release cannot do it");
    for name in ["failed", "error"] {
        fs::write(node.at("run").join(name), "3\n").unwrap();
    }
    assert_eq!(node.start(), "3.5.16");
    assert!(!node.at("run/failed").exists() && !node.at("run/error").exists());
}

#[test]
fn programs_that_were_changed_do_not_run() {
    let damaged = "etcd 3.5.30 is damaged: its SHA-256 is not the one that was recorded\n";
    for program in ["etcd", "etcdctl"] {
        let node = Node::proven("3.5.16", "3.5.30");
        fs::write(node.current().join(program), "damaged").unwrap();
        assert_eq!(node.start(), "3.5.16", "{program}");
        assert_eq!(node.failed(), damaged, "{program}");
    }
    let node = Node::proven("3.5.16", "3.5.30");
    let [own, other] = [node.current().join("etcd"), node.at("data/other")];
    fs::rename(&own, &other).unwrap();
    symlink(&other, &own).unwrap();
    assert_eq!(node.start(), "3.5.16");
    assert_eq!(node.failed(), "etcd 3.5.30 does not belong to root\n");
}

#[test]
fn an_interrupted_transfer_changes_nothing() {
    let node = Node::proven("3.5.16", "3.5.30");
    let before = node.current();
    let unchanged = |node: &Node| {
        assert_eq!(node.current(), before);
        assert_eq!(node.start(), "3.5.30");
    };
    let said = node.run(&format!(
        "take etcd {} <'{}'",
        "0".repeat(64),
        node.at("input").display()
    ));
    assert_eq!(
        said.err,
        "this node refuses etcd: it did not arrive as it was sent\n"
    );
    assert!(!node.at("data/programs/new").exists());
    node.take("etcd", &program("3.5.31")).done();
    let said = node.run("use 3.5.31");
    assert_eq!(
        said.err,
        "this node refuses etcd 3.5.31: its programs have not arrived\n"
    );
    assert_eq!(said.code, Some(1));
    unchanged(&node);
    // The same etcd once more is the same.
    node.receive("3.5.30");
    unchanged(&node);
    assert!(node.current().join("ready").exists());
}

/// The operator's machine went to sleep during a transfer, whose end shows only after another one has begun.
#[test]
fn a_late_end_of_a_transfer_does_not_harm_the_next_one() {
    let node = Node::new("3.5.16");
    let mut earlier = Command::new("dash");
    earlier
        .arg(node.at("program"))
        .args(["take", "etcd", &"0".repeat(64)]);
    earlier.stdin(Stdio::piped()).stderr(Stdio::null());
    let mut earlier = earlier.spawn().unwrap();
    let input = earlier.stdin.take().unwrap();
    let new = node.at("data/programs/new");
    while fs::read_dir(&new).map_or(0, Iterator::count) == 0 {
        thread::sleep(Duration::from_millis(10));
    }
    node.take("etcd", &program("3.5.17")).done();
    drop(input);
    assert_eq!(earlier.wait().unwrap().code(), Some(1));
    node.take("etcdctl", &program("3.5.17")).done();
    node.run("use 3.5.17").done();
    assert_eq!(node.start(), "3.5.17");
}

/// The operator hears the last line.
#[test]
fn a_full_disk_is_named_and_keeps_nothing_of_what_was_sent() {
    let node = Node::new("3.5.16");
    let script = format!(
        "cat() {{ echo 'cat: No space left on device' >&2; return 1; }}; set -- take etcd 0; . '{}'",
        node.at("program").display()
    );
    let said = tool("dash", &["-c", &script]);
    let wanted = "cat: No space left on device\n";
    assert_eq!((said.code, said.err.as_str()), (Some(1), wanted));
    assert!(!node.at("data/programs/new").exists());
}

/// A disk that was full had room for the programs, but not for what is known of them.
#[test]
fn what_a_full_disk_did_not_keep_is_written_the_next_time() {
    let node = Node::new("3.5.16");
    node.receive("3.5.17");
    let received = node.current();
    fs::write(received.join("version"), "").unwrap();
    fs::remove_file(received.join("image")).unwrap();
    fs::remove_file(node.at("data/programs/current")).unwrap();
    assert_eq!(node.start(), "3.5.16");
    node.receive("3.5.17");
    assert_eq!(node.start(), "3.5.17");
}

/// A card or disk of another cluster was put into this board.
#[test]
fn programs_that_another_cluster_has_handed_over_do_not_run() {
    let node = Node::proven("3.5.16", "3.5.17");
    fs::write(node.at("data/programs/for"), "another-token\n").unwrap();
    let wanted = "etcd-node: refused the etcd beside the data, which a node of another cluster has received. Using that of the image\n";
    assert_eq!(node.start_says(), wanted);
    assert_eq!(node.start(), "3.5.16");
    assert!(!node.run("list").done().text().contains("current="));
    // Those of its own cluster replace them, and nothing returns to them.
    node.receive("3.5.18");
    assert_eq!(node.start(), "3.5.18");
    assert!(!node.at("data/programs/previous").exists());
    // An earlier version has not noted whose they are.
    fs::remove_file(node.at("data/programs/for")).unwrap();
    assert_eq!(node.start(), "3.5.18");
}
