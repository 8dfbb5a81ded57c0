//! Runs `provision.sh`, the first boot of Ubuntu Core, in a directory that stands for the node, also corrupted or interrupted.

use std::fs;

use crate::support::first_boot::{Card, Node};
use crate::support::fixture::write;

const HOME: &str = "var/lib/misc/etcd-node";

/// The unit that continues the installation at the next boot.
const UNIT: &str = "etc/systemd/system/etcd-node-provision.service";

/// The calls that install the unit, before anything else happens.
const AGAIN: [&str; 4] = [
    "sync /etc/systemd/system/etcd-node-provision.service.new",
    "systemctl daemon-reload",
    "systemctl enable etcd-node-provision.service",
    "sync ",
];

/// The calls that configure snapd before the long copy.
const SNAP: [&str; 2] = [
    "snap wait system seed.loaded",
    "snap set system refresh.timer=tue,00:00-01:00 refresh.hold=2033-05-23T23:00:00Z",
];

#[test]
fn the_first_boot_installs_starts_and_takes_the_keys_off_the_fat() {
    let node = Node::seeded();
    let (said, calls) = node.boot(0, "");
    assert_eq!(said.code, Some(0), "{}", said.words());
    let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
    let keys = format!("/{HOME}/pki/peer.key /{HOME}/pki/server.key");
    assert_eq!(
        calls,
        [
            AGAIN[0],
            AGAIN[1],
            AGAIN[2],
            AGAIN[3],
            SNAP[0],
            SNAP[1],
            "sync ",
            &format!("chown etcd:etcd {keys} /{HOME}/data"),
            &format!("chown pi /{HOME}/client/client.key"),
            "sync ",
            "sync ",
            "sync ",
            "systemctl daemon-reload",
            "systemctl enable etcd.service",
            "systemctl start --no-block etcd.service",
            "systemctl try-restart ssh.service",
            "systemctl disable etcd-node-provision.service",
        ]
    );
    assert_eq!(node.mode("etc/ssh/ssh_host_ed25519_key"), 0o600);
    let files = node.files();
    for there in [
        "var/lib/console-conf/complete",
        "etc/systemd/system/etcd.service",
        "etc/ssh/ssh_host_ed25519_key.pub",
    ] {
        assert!(files.contains_key(there), "{there}");
    }
    let hosts = fs::read_to_string(node.at("etc/hosts")).unwrap();
    assert!(
        hosts.contains("192.168.0.52 etcd3.local etcd3\n"),
        "{hosts}"
    );
    for key in [
        "client/client.key",
        "pki/server.key",
        "pki/peer.key",
        "ssh/ssh_host_ed25519_key",
    ] {
        assert!(!node.source.join(key).exists(), "{key}");
    }
    assert!(!files.contains_key(UNIT));
}

#[test]
fn only_etcd_and_root_may_read_the_keys() {
    let node = Node::seeded();
    node.boot(0, "").0.done();
    for (path, mode) in [
        ("", 0o755),
        ("/bin", 0o755),
        ("/bin/etcd", 0o755),
        ("/bin/etcdctl", 0o755),
        ("/lib/etcdctl", 0o755),
        ("/lib/join", 0o755),
        ("/lib/decide", 0o644),
        ("/lib/answer", 0o644),
        ("/lib/etcdctl.sh", 0o644),
        ("/etcd.conf.yml", 0o644),
        ("/pki", 0o755),
        ("/pki/ca.crt", 0o644),
        ("/pki/server.key", 0o600),
        ("/pki/peer.key", 0o600),
        ("/client", 0o755),
        ("/client/ca.crt", 0o644),
        ("/client/client.key", 0o600),
        ("/ssh", 0o700),
        ("/data", 0o700),
    ] {
        assert_eq!(node.mode(&format!("{HOME}{path}")), mode, "{path}");
    }
}

#[test]
fn keys_are_at_no_time_readable_by_others() {
    let node = Node::seeded();
    let watch = "#!/bin/sh\n/bin/chmod \"$@\"\nfind \"${LOG%/*}/var\" -name '*.key' -perm /077 | sed 's/^/readable /' >>\"$LOG\"\n";
    node.stub("chmod", watch);
    let (said, calls) = node.boot(0, "");
    said.done();
    let readable = calls.iter().filter(|call| call.starts_with("readable"));
    assert_eq!(readable.collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn the_next_boot_is_sure_to_go_on_before_anything_is_read() {
    let node = Node::seeded();
    // The unit must come from the script alone, as if nothing else could be read.
    fs::remove_dir_all(&node.source).unwrap();
    let (said, calls) = node.boot(0, "");
    assert_eq!(
        (said.code, calls),
        (Some(1), AGAIN.map(str::to_owned).to_vec())
    );
    assert_eq!(node.mode(UNIT), 0o644);
    let unit = node.text(UNIT);
    for line in [
        "ExecStart=/bin/sh /run/mnt/ubuntu-seed/etcd-node/provision.sh",
        "RequiresMountsFor=/run/mnt/ubuntu-seed/etcd-node",
        "WantedBy=multi-user.target",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}\n{unit}");
    }
    // A power cut before the content is on the card leaves no unit under its final name.
    let node = Node::seeded();
    node.boot(1, "");
    assert!(!node.files().contains_key(UNIT));
}

#[test]
fn what_is_damaged_is_not_installed() {
    let card = Card::written();
    for name in ["bin/etcd", "etcd.conf.yml", "pki/peer.key", "SHA256SUMS"] {
        let node = card.node();
        let path = node.source.join(name);
        let mut bytes = fs::read(&path).unwrap();
        bytes[3] ^= 1;
        fs::remove_file(&path).unwrap();
        write(&path, &bytes);
        let before = node.files();
        // The remaining unit tries again at every boot.
        for _ in 0..2 {
            let (said, calls) = node.boot(0, "");
            assert_eq!(said.code, Some(1), "{}", said.words());
            assert!(
                said.text().contains("is damaged: nothing was installed"),
                "{}",
                said.words()
            );
            assert_eq!(calls, AGAIN, "{name}");
            let mut after = node.files();
            assert!(after.remove(UNIT).is_some(), "{name}");
            assert_eq!(after, before, "{name}");
        }
    }
}

#[test]
fn a_missing_file_is_reported_like_a_damaged_one() {
    let card = Card::written();
    for name in ["bin/etcdctl", "SHA256SUMS"] {
        let node = card.node();
        fs::remove_file(node.source.join(name)).unwrap();
        let (said, calls) = node.boot(0, "");
        assert_eq!(said.code, Some(1), "{}", said.words());
        assert_eq!(calls, AGAIN, "{name}");
    }
}

#[test]
fn a_copy_that_stops_halfway_is_not_taken_for_a_node() {
    let node = Node::seeded();
    // This `cp` stops in the middle of a directory, as on a full disk.
    let full = "#!/bin/sh\n/bin/cp \"$@\"\n[ \"$1\" = -R ] || exit 0\n: >\"$3/bin/etcd\"\nexit 1\n";
    node.stub("cp", full);
    let (said, calls) = node.boot(0, "");
    assert_eq!(said.code, Some(1), "{}", said.words());
    assert_eq!(calls, [&AGAIN[..], &SNAP].concat());
    assert!(!node.at(HOME).join("installed").exists());
    assert!(node.source.join("pki/peer.key").exists());
    // Once there is space, the next boot completes the installation.
    fs::remove_file(node.at("bin/cp")).unwrap();
    node.boot(0, "").0.done();
    assert!(node.at(HOME).join("installed").exists());
}

#[test]
fn a_boot_cut_off_anywhere_is_finished_by_the_next_one() {
    let card = Card::written();
    let whole = card.node();
    let (_, calls) = whole.boot(0, "");
    let wanted = whole.files();
    for cut in 1..=calls.len() {
        let node = card.node();
        let (said, made) = node.boot(cut, "");
        assert_ne!(said.code, Some(0), "{}", said.words());
        assert_eq!(made.len(), cut, "{made:?}");
        let (said, _) = node.boot(0, "");
        assert_eq!(
            said.code,
            Some(0),
            "cut at {}: {}",
            calls[cut - 1],
            said.words()
        );
        assert_eq!(node.files(), wanted, "cut at {}", calls[cut - 1]);
    }
}

#[test]
fn a_second_boot_changes_nothing() {
    let node = Node::seeded();
    node.boot(0, "").0.done();
    write(&node.at(&format!("{HOME}/data/member")), b"data");
    let before = node.files();
    let (said, calls) = node.boot(0, "");
    assert_eq!(said.code, Some(0), "{}", said.words());
    assert_eq!(node.files(), before);
    assert!(
        !calls.iter().any(|call| call.starts_with("chown")),
        "{calls:?}"
    );
}

#[test]
fn snapd_s_first_refresh_is_held_until_the_eve_of_the_node_s_own_day() {
    let node = Node::seeded();
    // The clock starts on a Wednesday; the node's day is Tuesday. If its eve is near or past, the eve of next week counts.
    for (day, eve) in [23, 23, 23, 23, 23, 30, 30].into_iter().enumerate() {
        node.clock(2_000_000_000 + day as u64 * 86400);
        let (said, calls) = node.boot(0, "");
        assert_eq!(said.code, Some(0), "{}", said.words());
        let set = format!(
            "snap set system refresh.timer=tue,00:00-01:00 refresh.hold=2033-05-{eve}T23:00:00Z"
        );
        assert!(calls.contains(&set), "{day}: {calls:?}");
    }
}

#[test]
fn a_snapd_that_is_not_ready_is_asked_again_at_the_next_boot() {
    let node = Node::seeded();
    let (said, calls) = node.boot(0, "snap");
    assert_eq!(said.code, Some(1), "{}", said.words());
    assert!(
        said.text().contains("trying again at the next boot"),
        "{}",
        said.words()
    );
    assert!(calls.contains(&"systemctl start --no-block etcd.service".to_owned()));
    assert!(node.files().contains_key(UNIT));
    assert!(!node.source.join("pki/peer.key").exists());
    node.boot(0, "").0.done();
    assert!(!node.files().contains_key(UNIT));
}

#[test]
fn a_clock_in_the_past_is_set_before_etcd_starts() {
    let node = Node::seeded();
    let built = fs::read_to_string(node.at("script")).unwrap();
    let built = built.lines().find_map(|line| line.strip_prefix("BUILT="));
    let (built, clock) = (built.unwrap(), "var/lib/systemd/timesync/clock");
    write(&node.at(clock), b"");
    let file = fs::File::options()
        .write(true)
        .open(node.at(clock))
        .unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    node.clock(1_700_000_000);
    let (said, calls) = node.boot(0, "");
    assert_eq!(said.code, Some(0), "{}", said.words());
    let at = |wanted: &str| calls.iter().position(|call| call == wanted).unwrap();
    assert!(at(&format!("date -s @{built}")) < at("systemctl start --no-block etcd.service"));
    let kept = fs::metadata(node.at(clock)).unwrap().modified().unwrap();
    assert_ne!(kept, std::time::UNIX_EPOCH);
}

#[test]
fn core_18_installs_in_place_and_keeps_its_keys() {
    let node = Node::old();
    let (said, _) = node.boot(0, "");
    assert_eq!(said.code, Some(0), "{}", said.words());
    for key in ["pki/peer.key", "pki/server.key", "ssh/ssh_host_ed25519_key"] {
        assert_eq!(node.mode(&format!("{HOME}/{key}")), 0o600, "{key}");
    }
    assert!(node.files().contains_key("etc/systemd/system/etcd.service"));
    node.boot(0, "").0.done();
}
