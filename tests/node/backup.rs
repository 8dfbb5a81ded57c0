//! Checks where `overlays/etcd/backup` writes, and what it leaves there.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use tempfile::TempDir;

use crate::support::rendered::rendered;
use crate::support::scene::SSH_KEY;
use crate::support::tool::tool;

/// etcd may put anything beside its data, and root writes here.
#[test]
fn a_backup_follows_no_link() {
    let node = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let at = |name: &str| node.path().join(name);
    for folder in ["data", "elsewhere"] {
        fs::create_dir(at(folder)).unwrap();
    }
    fs::write(at("elsewhere/said"), "precious").unwrap();
    symlink(at("elsewhere"), at("data/backups")).unwrap();
    let program = rendered(
        "[backup]\nto = \"data\"\n",
        "/usr/local/lib/etcd-node/backup",
    )
    .replace("/usr/local/lib/etcd-node/etcdctl", "false")
    .replace("/var/lib/etcd", &at("data").display().to_string());
    fs::write(at("program"), program).unwrap();
    let said = tool("dash", &[at("program")]);
    let wanted = format!(
        "etcd-node: backup: nothing was saved: {} is not a directory of root's. Remove it\n",
        at("data/backups").display()
    );
    assert_eq!((said.text(), said.code), (wanted, Some(1)));
    assert_eq!(
        fs::read_to_string(at("elsewhere/said")).unwrap(),
        "precious"
    );
    fs::remove_file(at("data/backups")).unwrap();
    let said = tool("dash", &[at("program")]).text();
    assert!(said.contains("etcd does not answer here"), "{said}");
}

/// The power was cut while this member saved a snapshot, and another one leads since.
#[test]
fn a_follower_removes_an_incomplete_snapshot() {
    let node = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let at = |name: &str| node.path().join(name);
    fs::create_dir_all(at("data/backups")).unwrap();
    for name in ["partial", "partial.part", "main-20261127T085800Z.db"] {
        fs::write(at("data/backups").join(name), "").unwrap();
    }
    fs::write(
        at("etcdctl"),
        "printf '\"MemberID\" : 1\\n\"Leader\" : 2\\n'\n",
    )
    .unwrap();
    let etcdctl = format!("sh {}", at("etcdctl").display());
    let program = rendered(
        "[backup]\nto = \"data\"\n",
        "/usr/local/lib/etcd-node/backup",
    )
    .replace(
        "ETCDCTL=/usr/local/lib/etcd-node/etcdctl",
        &format!("ETCDCTL='{etcdctl}'"),
    )
    .replace("/var/lib/etcd", &at("data").display().to_string());
    fs::write(at("program"), program).unwrap();
    let said = tool("dash", &[at("program")]);
    assert_eq!((said.text().as_str(), said.code), ("", Some(0)));
    let left = fs::read_dir(at("data/backups")).unwrap();
    let left: Vec<_> = left.map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["main-20261127T085800Z.db"]);
}

/// The host removes older snapshots afterwards, and its power may fail, too.
#[test]
fn a_snapshot_has_its_name_on_the_host_only_once_it_is_on_the_disk() {
    let node = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let at = |name: &str| node.path().join(name);
    let path = |name: &str| at(name).display().to_string();
    for folder in ["data", "host", "bin"] {
        fs::create_dir(at(folder)).unwrap();
    }
    let status = "printf '\"MemberID\" : 1\\n\"Leader\" : 1\\n\"DBSize\" : 1\\n'";
    let etcdctl = format!(
        "for last; do :; done\ncase $* in *'snapshot save '*) echo content >\"$last\" ;; *) {status} ;; esac\n"
    );
    fs::write(at("etcdctl"), etcdctl).unwrap();
    let ssh = format!(
        "for last; do :; done\nPATH='{}':$PATH exec sh -c \"$last\"\n",
        path("bin")
    );
    fs::write(at("ssh"), ssh).unwrap();
    let sync = format!("#!/bin/sh\nls -A >>'{}'\n", path("synced"));
    fs::write(at("bin/sync"), sync).unwrap();
    fs::set_permissions(at("bin/sync"), fs::Permissions::from_mode(0o755)).unwrap();
    let configuration = format!(
        "[etcd]\nquota = \"16MiB\"\n[backup]\nto = \"ssh://backup@192.168.0.10/srv/etcd\"\nhost-key = \"{SSH_KEY}\"\n"
    );
    let program = rendered(&configuration, "/usr/local/lib/etcd-node/backup")
        .replace(
            "ETCDCTL=/usr/local/lib/etcd-node/etcdctl",
            &format!("ETCDCTL='sh {}'", path("etcdctl")),
        )
        .replace(
            "    ssh -F none",
            &format!("    sh {} -F none", path("ssh")),
        )
        .replace("/srv/etcd", &path("host"))
        .replace("/var/lib/etcd", &path("data"));
    fs::write(at("program"), program).unwrap();
    let said = tool("dash", &[at("program")]).done().text();
    assert!(said.starts_with("etcd-node: backup: saved main-"), "{said}");
    let synced = fs::read_to_string(at("synced")).unwrap();
    let name = synced.trim_end().strip_prefix('.').unwrap();
    assert_eq!(
        fs::read_to_string(at("host").join(name)).unwrap(),
        "content\n"
    );
}
