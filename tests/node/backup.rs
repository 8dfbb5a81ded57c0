//! Checks where `overlays/etcd/backup` writes, and what it leaves there.

use std::fs;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use crate::support::rendered::rendered;
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
