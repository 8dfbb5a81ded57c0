//! Tests of the lock file: its text, its differences, and everything that makes one unusable.

use std::path::Path;

use super::document::{EtcdOrigin, Lock, LockedBase, LockedEtcd, LockedFile, Unreadable};
use super::{LockFile, path, path_in_fleet};
use crate::failure::{Kind, explain};

fn sha256(digit: &str) -> String {
    digit.repeat(64)
}

fn lock() -> Lock {
    let base = LockedBase {
        recipe: Some("debian-trixie".into()),
        raw_sha256: sha256("a"),
        raw_size: 7,
        snapshot: Some("2026-11-24T17:43:52Z".into()),
        packages: vec![
            format!("adduser 3.152 all {}", sha256("1")),
            format!("apt 3.0.4 arm64 {}", sha256("2")),
        ],
        ..LockedBase::default()
    };
    let etcd = LockedEtcd {
        origin: EtcdOrigin::Release,
        version: "3.6.14".into(),
        url: Some("https://example.org/etcd-v3.6.14-linux-arm64.tar.gz".into()),
        sha256: sha256("b"),
        packages: vec![],
        files: vec![],
    };
    let files = vec![LockedFile {
        path: "/etc/motd".into(),
        node: None,
        sha256: Some(sha256("c")),
        fingerprint: None,
    }];
    let archives = vec![LockedFile {
        path: "/usr/local/go".into(),
        node: Some("etcd1".into()),
        sha256: None,
        fingerprint: Some("0123456789abcdef".into()),
    }];
    let mut lock = Lock::new("main", sha256("d"), base, etcd, files);
    lock.archives = archives;
    lock
}

#[test]
fn the_login_to_a_mirror_is_not_locked() {
    for (mirror, named) in [
        (
            "http://ada:secret@mirror.example/debian",
            "http://mirror.example/debian",
        ),
        (
            "deb [trusted=yes] https://ada:secret@mirror.example/debian trixie main",
            "deb [trusted=yes] https://mirror.example/debian trixie main",
        ),
        ("file:/srv/debian", "file:/srv/debian"),
    ] {
        let found = LockedBase::named_mirror(Some(mirror));
        assert_eq!(found.as_deref(), Some(named));
    }
}

#[test]
fn a_lock_that_has_the_login_to_a_mirror_is_still_used() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("etcd-image.lock");
    let mut earlier = lock();
    earlier.base.mirror = Some("http://ada:secret@mirror.example/debian".into());
    fs_err::write(&path, earlier.to_text().unwrap()).unwrap();
    let file = LockFile::open(path.clone(), "main").unwrap();
    let base = file.found().unwrap().base.clone();
    assert_eq!(base.mirror.as_deref(), Some("http://mirror.example/debian"));
    let mut now = lock();
    now.base = base;
    assert_eq!(file.write(&now).unwrap(), Vec::<String>::new());
    let text = fs_err::read_to_string(&path).unwrap();
    assert_eq!(text, now.to_text().unwrap());
}

#[test]
fn a_lock_is_read_as_it_was_written() {
    let text = lock().to_text().unwrap();
    assert_eq!(Lock::parse(&text), Ok(lock()));
    let program = env!("CARGO_PKG_VERSION");
    let (a, b, c, d) = (sha256("a"), sha256("b"), sha256("c"), sha256("d"));
    let (one, two) = (sha256("1"), sha256("2"));
    let expected = format!(
        r#"# What exactly the images of this cluster are made from. Written by etcd-image; commit it.
# `etcd-image update` looks for something newer.

format = 1
program = "{program}"
cluster = "main"
overlays = "{d}"

[base]
recipe = "debian-trixie"
raw-sha256 = "{a}"
raw-size = 7
snapshot = "2026-11-24T17:43:52Z"
packages = [
    "adduser 3.152 all {one}",
    "apt 3.0.4 arm64 {two}",
]

[etcd]
origin = "release"
version = "3.6.14"
url = "https://example.org/etcd-v3.6.14-linux-arm64.tar.gz"
sha256 = "{b}"

[[file]]
path = "/etc/motd"
sha256 = "{c}"

[[archive]]
path = "/usr/local/go"
node = "etcd1"
fingerprint = "0123456789abcdef"
"#
    );
    assert_eq!(text, expected);
}

#[test]
fn the_order_of_files_in_the_description_does_not_change_the_lock() {
    let file = |path: &str, node: Option<&str>| LockedFile {
        path: path.to_owned(),
        node: node.map(str::to_owned),
        sha256: Some(sha256("c")),
        fingerprint: None,
    };
    let files = vec![
        file("/etc/motd", Some("etcd2")),
        file("/etc/motd", Some("etcd1")),
        file("/etc/issue", None),
    ];
    let Lock {
        overlays,
        base,
        etcd,
        ..
    } = lock();
    let sorted = Lock::new("main", overlays, base, etcd, files);
    let places = sorted.files.iter();
    let places: Vec<(&str, Option<&str>)> = places
        .map(|file| (file.path.as_str(), file.node.as_deref()))
        .collect();
    assert_eq!(
        places,
        [
            ("/etc/issue", None),
            ("/etc/motd", Some("etcd1")),
            ("/etc/motd", Some("etcd2")),
        ]
    );
}

#[test]
fn differences_name_the_entry_and_both_values() {
    let mut newer = lock();
    newer.base.packages[1] = format!("apt 3.0.5 arm64 {}", sha256("3"));
    newer.etcd.version = "3.6.15".into();
    newer.files.clear();
    let shown = |lock: &Lock, other: &Lock| -> Vec<String> {
        let differences = lock.differences(other).into_iter();
        differences.map(|it| it.to_string()).collect()
    };
    assert_eq!(
        shown(&lock(), &newer),
        [
            format!(
                "base package apt: 3.0.4 arm64 {} → 3.0.5 arm64 {}",
                sha256("2"),
                sha256("3")
            ),
            "etcd version: 3.6.14 → 3.6.15".to_owned(),
            format!("file /etc/motd: {} → none", sha256("c")),
        ]
    );
    assert_eq!(shown(&lock(), &lock()), Vec::<String>::new());
}

#[test]
fn a_base_is_newer_by_the_time_of_its_list_or_of_its_packages() {
    let of = |signed_at: Option<&str>, snapshot: Option<&str>| LockedBase {
        signed_at: signed_at.map(str::to_owned),
        snapshot: snapshot.map(str::to_owned),
        ..LockedBase::default()
    };
    let (old, new) = ("2026-08-06T10:00:00Z", "2026-11-24T17:43:52Z");
    let listed = |time| of(Some(time), None);
    let made = |time| of(None, Some(time));
    assert_eq!(
        listed(new).newer_than(&listed(old)),
        Some(("signed list", old, new))
    );
    assert_eq!(
        made(new).newer_than(&made(old)),
        Some(("newest package", old, new))
    );
    for (locked, found) in [
        (listed(old), listed(new)),
        (listed(old), listed(old)),
        (made(old), made(new)),
        (listed(new), made(old)),
        (of(None, None), made(old)),
    ] {
        assert_eq!(locked.newer_than(&found), None, "{locked:?} {found:?}");
    }
}

#[test]
fn a_damaged_lock_is_refused_with_its_fault() {
    let text = lock().to_text().unwrap();
    let (a, one) = (sha256("a"), sha256("1"));
    let cases = [
        ("format = 1", "format = 2", Unreadable::Newer(2)),
        (
            &*a,
            "aa",
            Unreadable::Damaged("`aa` is not a SHA-256".into()),
        ),
        (
            &*one,
            "../../x",
            Unreadable::Damaged("`../../x` is not a SHA-256".into()),
        ),
        (
            "adduser 3.152 all",
            "adduser all",
            Unreadable::Damaged(format!(
                "`adduser all {one}` is not name, version, architecture and SHA-256"
            )),
        ),
        (
            "https://example.org/",
            "file:///",
            Unreadable::Damaged("`file:///etcd-v3.6.14-linux-arm64.tar.gz` is not a URL".into()),
        ),
        (
            "/etc/motd",
            "/etc/\\u001b[2J",
            Unreadable::Damaged("it contains a control character".into()),
        ),
        (
            "raw-size = 7",
            "raw-size = 7\nraw-sice = 7",
            Unreadable::Damaged(
                "line 13: unknown field `raw-sice`, expected one of `recipe`, `url`, `file`, `mirror`, `sha256`, `size`, `raw-sha256`, `raw-size`, `signed-by`, `signed-at`, `added`, `snapshot`, `packages`".into(),
            ),
        ),
    ];
    for (old, new, expected) in cases {
        let damaged = text.replacen(old, new, 1);
        assert_ne!(damaged, text, "{old}");
        assert_eq!(Lock::parse(&damaged), Err(expected), "{new}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn damaged_locks() {
    let text = lock().to_text().unwrap();
    crate::mutated::survives_texts("locks", &[&text], |text| {
        let _ = Lock::parse(text);
    });
}

#[test]
fn the_lock_lies_beside_the_description_or_the_state() {
    let cases = [
        (Some("cluster.toml"), "etcd-image.lock"),
        (Some("/a/cluster.toml"), "/a/etcd-image.lock"),
        (Some("/a/lab.toml"), "/a/lab.lock"),
        (None, "/s/etcd-image.lock"),
    ];
    for (description, expected) in cases {
        let found = path(description.map(Path::new), Path::new("/s/etcd-cluster"));
        assert_eq!(found, Path::new(expected), "{description:?}");
    }
    let beside = path(None, Path::new("etcd-cluster"));
    assert_eq!(beside, Path::new("etcd-image.lock"));
    let of_fleet = path_in_fleet(Path::new("/f/fleet.toml"), "berlin");
    assert_eq!(of_fleet, Path::new("/f/berlin.lock"));
}

#[test]
fn locks_of_others_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("etcd-image.lock");
    let shown = path.display().to_string();
    let text = lock().to_text().unwrap();
    let cases = [
        (
            text.clone(),
            format!("{shown} is the lock of cluster `main`, and this is cluster `other`"),
        ),
        (
            text.replace("format = 1", "format = 9"),
            format!("reading {shown}: a newer etcd-image wrote it, in format 9"),
        ),
        ("<html>".to_owned(), format!("reading {shown}: line 1: ")),
    ];
    for (text, expected) in cases {
        fs_err::write(&path, text).unwrap();
        let error = LockFile::open(path.clone(), "other").unwrap_err();
        assert_eq!(explain(&error).0, Kind::Usage);
        assert!(format!("{error:#}").starts_with(&expected), "{error:#}");
    }
}

#[test]
fn an_unchanged_lock_is_not_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("etcd-image.lock");
    let absent = LockFile::open(path.clone(), "main").unwrap();
    assert_eq!(absent.write(&lock()).unwrap(), Vec::<String>::new());
    let written = LockFile::open(path.clone(), "main").unwrap();
    written.require(&lock()).unwrap();
    fs_err::remove_file(&path).unwrap();
    assert_eq!(written.write(&lock()).unwrap(), Vec::<String>::new());
    assert!(!path.exists());
    let mut newer = lock();
    newer.etcd.version = "3.6.15".into();
    let note = format!("note: {}: etcd version: 3.6.14 → 3.6.15", path.display());
    assert_eq!(written.write(&newer).unwrap(), [note]);
    let error = written.require(&newer).unwrap_err();
    assert_eq!(explain(&error).0, Kind::Verification);
    assert_eq!(
        error.to_string(),
        format!(
            "`--locked` is given, and the inputs differ from {}: etcd version: 3.6.14 → 3.6.15",
            path.display()
        )
    );
}

#[test]
fn every_flipped_bit_of_a_locked_file_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("etcd-image.lock");
    let text = lock().to_text().unwrap();
    for place in 0..text.len() {
        for bit in [0, 5] {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1 << bit;
            fs_err::write(&path, bytes).unwrap();
            let opened = LockFile::open(path.clone(), "main");
            let required = opened.and_then(|found| found.require(&lock()));
            assert!(required.is_err(), "bit {bit} of byte {place}");
        }
    }
    fs_err::write(&path, text.replacen("commit it", "admit it", 1)).unwrap();
    let found = LockFile::open(path.clone(), "main").unwrap();
    let error = found.require(&lock()).unwrap_err();
    let message = format!(
        "`--locked` is given, and line 1 of {} is not as `build` writes it",
        path.display()
    );
    assert_eq!(
        (explain(&error).0, error.to_string()),
        (Kind::Verification, message)
    );
    assert_eq!(found.write(&lock()).unwrap(), Vec::<String>::new());
    assert_eq!(fs_err::read_to_string(&path).unwrap(), text);
    // git may write other line breaks.
    fs_err::write(&path, text.replace('\n', "\r\n")).unwrap();
    let found = LockFile::open(path, "main").unwrap();
    found.require(&lock()).unwrap();
}
