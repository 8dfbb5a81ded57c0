//! Checks how `overlays/etcd/restore` keeps a snapshot beside the data of a running node.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::rendered::rendered;
use crate::support::tool::{Said, tool};

/// The SHA-256 of `whole`.
const SHA256: &str = "5d5766cf2d78701614200418ee1450690d9af12c84d52545e4802f001ad53099";
const VOW: &str = "00ff00ff00ff00ff";
const LIST: &str = "etcd1=https://192.168.0.50:2380";

/// The directories of a node. `sync` reports its words and whether the digest of the snapshot exists.
struct Node(TempDir);

impl Node {
    fn new() -> Self {
        let node = Self(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        fs::create_dir_all(node.at("data")).unwrap();
        fs::create_dir_all(node.at("bin")).unwrap();
        let data = node.at("data").display().to_string();
        let program = rendered(
            "[cluster]\ntoken = \"abc\"\n",
            "/usr/local/lib/etcd-node/restore",
        );
        fs::write(node.at("program"), program.replace("/var/lib/etcd", &data)).unwrap();
        let sync = format!(
            "#!/bin/sh\n[ -e {data}/restore/sha256 ] && echo \"named $*\" || echo \"unnamed $*\"\n"
        );
        fs::write(node.at("bin/sync"), sync).unwrap();
        fs::set_permissions(node.at("bin/sync"), fs::Permissions::from_mode(0o755)).unwrap();
        node
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn run(&self, words: &str) -> Said {
        let at = |name: &str| self.at(name).display().to_string();
        let script = format!(
            "printf whole | PATH={}:$PATH dash {} {words}",
            at("bin"),
            at("program")
        );
        tool("dash", &["-c", &script])
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_default()
    }
}

/// After a power cut, a digest without its snapshot would pass for a snapshot that was sent.
#[test]
fn the_snapshot_is_on_the_disk_before_its_digest_names_it() {
    let node = Node::new();
    let said = node.run(&format!("take {SHA256}")).done().text();
    assert!(said.starts_with("unnamed "), "{said}");
    assert_eq!(node.read("data/restore/sha256"), format!("{SHA256}\n"));
    assert_eq!(node.read("data/restore/snapshot.db"), "whole");
}

#[test]
fn a_snapshot_that_a_full_disk_does_not_keep_takes_no_room() {
    let node = Node::new();
    fs::write(node.at("bin/sync"), "#!/bin/sh\nexit 1\n").unwrap();
    assert_eq!(node.run(&format!("take {SHA256}")).code, Some(1));
    assert!(!node.at("data/restore").exists());
}

/// The operator's machine went to sleep during a transfer, and the command runs again on it or on another one.
#[test]
fn a_transfer_ends_an_earlier_one_that_does_not_end() {
    let node = Node::new();
    let mut earlier = Command::new("dash");
    earlier.arg(node.at("program")).args(["take", SHA256]);
    earlier.stdin(Stdio::piped()).stderr(Stdio::null());
    let mut earlier = earlier.spawn().unwrap();
    let mut input = earlier.stdin.take().unwrap();
    input.write_all(b"wh").unwrap();
    while fs::read_dir(node.at("data/restore")).map_or(0, Iterator::count) == 0 {
        thread::sleep(Duration::from_millis(10));
    }
    node.run(&format!("take {SHA256}")).done();
    // A signal ends `cat`, and also the shell if that has redirected its own output for it.
    assert!(!earlier.wait().unwrap().success());
    drop(input);
    assert_eq!(node.read("data/restore/sha256"), format!("{SHA256}\n"));
    assert_eq!(node.read("data/restore/snapshot.db"), "whole");
}

/// The digest of a large snapshot takes minutes, in which the command may run again.
#[test]
fn a_transfer_that_is_checked_does_not_harm_a_later_one() {
    let node = Node::new();
    let [bin, checks, go] = ["bin", "checks", "go"].map(|name| node.at(name).display().to_string());
    let slow = format!(
        "#!/bin/sh\nmkdir {checks} 2>/dev/null && until [ -e {go} ]; do sleep 0.01; done\necho {SHA256}\n"
    );
    fs::write(node.at("bin/sha256sum"), slow).unwrap();
    fs::set_permissions(node.at("bin/sha256sum"), fs::Permissions::from_mode(0o755)).unwrap();
    let take = || {
        let mut transfer = Command::new("dash");
        transfer.arg(node.at("program")).args(["take", SHA256]);
        transfer.env("PATH", format!("{bin}:{}", std::env::var("PATH").unwrap()));
        transfer
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        transfer.spawn().unwrap()
    };
    let wait_for = |path: &str| {
        while !node.at(path).exists() {
            thread::sleep(Duration::from_millis(10));
        }
    };
    let mut earlier = take();
    earlier.stdin.take().unwrap().write_all(b"whole").unwrap();
    wait_for("checks");
    let mut later = take();
    let mut input = later.stdin.take().unwrap();
    input.write_all(b"who").unwrap();
    wait_for(&format!("data/restore/snapshot.db.{}", later.id()));
    fs::write(node.at("go"), "").unwrap();
    assert_eq!(earlier.wait().unwrap().code(), Some(1));
    input.write_all(b"le").unwrap();
    drop(input);
    assert!(later.wait().unwrap().success());
    assert_eq!(node.read("data/restore/snapshot.db"), "whole");
    assert_eq!(node.read("data/restore/sha256"), format!("{SHA256}\n"));
}

/// Otherwise a full disk would keep the command from being repeated.
#[test]
fn what_an_interrupted_transfer_has_left_counts_as_free() {
    let node = Node::new();
    for (name, text) in [
        ("df", "echo names; echo '/dev/x 5000 4000 1000 80% /'"),
        ("du", "printf '300\\t/x\\n'"),
    ] {
        let path = node.at("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let room = || {
        let facts = node.run("facts").text();
        let is_room = |line: &&str| line.starts_with("free=") || line.starts_with("replaced=");
        let lines: Vec<_> = facts.lines().filter(is_room).collect();
        lines.join(" ")
    };
    assert_eq!(room(), "free=1000");
    fs::create_dir(node.at("data/restore")).unwrap();
    assert_eq!(room(), "free=1300");
    node.run(&format!("take {SHA256}")).done();
    // The same snapshot is not sent again.
    assert_eq!(room(), "replaced=300 free=1000");
}

#[test]
fn a_restore_names_the_node_that_it_was_asked_for_on() {
    let node = Node::new();
    node.run(&format!("take {SHA256}")).done();
    node.run(&format!("want {VOW} {LIST} {SHA256}")).done();
    let kept = ["for", "members", "wanted"].map(|name| node.read(&format!("data/restore/{name}")));
    assert_eq!(
        kept,
        [
            "abc etcd1\n",
            &format!("{LIST}\n"),
            &format!("{VOW} {SHA256}\n")
        ]
    );
}

/// An image of an earlier version, which would skip other revisions than the others, waits for another digest.
#[test]
fn a_second_restore_is_not_for_images_of_earlier_versions() {
    let node = Node::new();
    node.run(&format!("take {SHA256}")).done();
    node.run(&format!("want {VOW}-2 {LIST} {SHA256}")).done();
    let wanted = format!("{VOW}-2 {SHA256} again\n");
    assert_eq!(node.read("data/restore/wanted"), wanted);
}

/// The board was switched on again before the restore was asked for, and etcd runs with the data that the node had. Without a new start,
/// the next power cut would set aside what was written since.
#[test]
fn a_restore_that_is_wanted_begins_now_also_where_etcd_runs() {
    let node = Node::new();
    let (program, asked) = (node.at("bin/systemctl"), node.at("asked"));
    let text = format!("#!/bin/sh\necho \"$*\" >>{}\n", asked.display());
    fs::write(&program, text).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    node.run("start").done();
    assert_eq!(node.read("asked"), "start --no-block etcd\n");
    fs::remove_file(asked).unwrap();
    node.run(&format!("take {SHA256}")).done();
    node.run(&format!("want {VOW} {LIST} {SHA256}")).done();
    node.run("start").done();
    let wanted = "stop etcd\nstart --no-block etcd\n";
    assert_eq!(node.read("asked"), wanted);
}

/// Another operator's command has replaced the snapshot between two steps of this one.
#[test]
fn a_restore_of_a_snapshot_that_is_not_there_is_refused() {
    let node = Node::new();
    node.run(&format!("take {SHA256}")).done();
    for other in [&"0f".repeat(32), ""] {
        let said = node.run(&format!("want {VOW} {LIST} {other}"));
        let wanted = "this node has another snapshot than the one that was sent\n";
        assert_eq!((said.code, said.err.as_str()), (Some(1), wanted));
        assert!(!node.at("data/restore/wanted").exists());
    }
}

#[test]
fn a_node_tells_where_a_restore_is_prepared() {
    let node = Node::new();
    node.run(&format!("take {SHA256}")).done();
    assert_eq!(node.run("pending").done().text(), "");
    node.run(&format!("want {VOW} {LIST} {SHA256}")).done();
    let wanted = format!("restore={}\n", node.at("data/restore").display());
    assert_eq!(node.run("pending").done().text(), wanted);
}

/// etcd may put anything beside its data, and root writes here.
#[test]
fn a_restore_follows_no_link() {
    let node = Node::new();
    fs::create_dir(node.at("elsewhere")).unwrap();
    symlink(node.at("elsewhere"), node.at("data/restore")).unwrap();
    let want = format!("want {VOW} {LIST} {SHA256}");
    assert_ne!(node.run(&want).code, Some(0));
    assert_eq!(fs::read_dir(node.at("elsewhere")).unwrap().count(), 0);
    node.run(&format!("take {SHA256}")).done();
    assert_eq!(fs::read_dir(node.at("elsewhere")).unwrap().count(), 0);
    fs::write(node.at("precious"), "precious").unwrap();
    for name in ["for", "members", "wanted"] {
        symlink(
            node.at("precious"),
            node.at(&format!("data/restore/{name}.new")),
        )
        .unwrap();
    }
    node.run(&want);
    assert_eq!(node.read("precious"), "precious");
}
