//! Damages one thing in a valid state directory and expects the exact error and no change.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::failure::Failure;

/// Damages a valid state; expects a message (after the directory's name) and an unchanged directory.
#[track_caller]
fn refuses(damage: impl Fn(&Scene), message: &str) {
    let scene = Scene::made();
    damage(&scene);
    let before = scene.files();
    let error = scene.open("").expect_err("the state directory is damaged");
    let failure: &Failure = error.downcast_ref().expect("a failure with a kind");
    let text = failure.message.strip_prefix(scene.state.to_str().unwrap());
    assert_eq!(text, Some(message));
    assert_eq!(failure.kind, Kind::Usage);
    assert!(!failure.hint.is_empty());
    assert_eq!(scene.changed_since(&before), Vec::<String>::new());
}

fn remove(scene: &Scene, names: &[&str]) {
    for name in names {
        fs::remove_file(scene.path(name)).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "tests damage files")]
fn overwrite(scene: &Scene, name: &str, bytes: &[u8]) {
    fs::write(scene.path(name), bytes).unwrap();
}

fn copy(from: &Scene, to: &Scene, names: &[&str]) {
    for name in names {
        overwrite(to, name, &fs::read(from.path(name)).unwrap());
    }
}

#[cfg(unix)]
#[test]
fn files_open_to_others_are_refused() {
    refuses(
        |scene| set_mode(&scene.state, 0o755),
        " is open to others (mode 0755)",
    );
    refuses(
        |scene| set_mode(&scene.state, 0o710),
        " is open to others (mode 0710)",
    );
    for (name, mode) in [
        ("ca.key", 0o644),
        ("seed", 0o640),
        ("admin.key", 0o604),
        ("nodes/etcd1/server.key", 0o660),
        ("nodes/etcd3/ssh_host_ed25519_key", 0o644),
    ] {
        let message = format!("/{name} is open to others (mode {mode:04o})");
        refuses(|scene| set_mode(&scene.path(name), mode), &message);
    }
}

#[test]
fn a_missing_file_is_refused() {
    refuses(
        |scene| remove(scene, &["ca.key"]),
        "/ca.key is missing, but ca.crt exists",
    );
    refuses(
        |scene| remove(scene, &["ca.crt"]),
        "/ca.crt is missing, but ca.key exists",
    );
    let both = "/ca.key is missing, but certificates were issued by it";
    refuses(|scene| remove(scene, &["ca.crt", "ca.key"]), both);
    refuses(
        |scene| remove(scene, &["ca.crt", "ca.key", "admin.crt"]),
        both,
    );
    refuses(
        |scene| remove(scene, &["seed"]),
        "/seed is missing, but nodes were made from it",
    );
}

#[test]
fn files_of_another_ca_are_refused() {
    let other = Scene::made();
    refuses(
        |scene| copy(&other, scene, &["ca.crt"]),
        "/ca.crt is not the certificate of ca.key",
    );
    refuses(
        |scene| copy(&other, scene, &["ca.key"]),
        "/ca.crt is not the certificate of ca.key",
    );
    let pair = ["ca.crt", "ca.key"];
    refuses(
        |scene| copy(&other, scene, &pair),
        "/admin.crt was signed by a different CA from ca.crt",
    );
    let leaf = ["nodes/etcd2/peer.crt", "nodes/etcd2/peer.key"];
    refuses(
        |scene| copy(&other, scene, &leaf),
        "/nodes/etcd2/peer.crt was signed by a different CA from ca.crt",
    );
    let admin = |scene: &Scene| {
        let (crt, key) = (
            fs::read(scene.path("admin.crt")),
            fs::read(scene.path("admin.key")),
        );
        overwrite(scene, "ca.crt", &crt.unwrap());
        overwrite(scene, "ca.key", &key.unwrap());
    };
    refuses(admin, "/ca.crt may not sign certificates");
}

#[test]
fn files_of_another_format_are_refused() {
    for (name, bytes, message) in [
        ("ca.crt", &b"hello"[..], "is not a PEM file"),
        ("ca.crt", b"", "is not a PEM file"),
        ("ca.key", b"\xff\xfe", "is not a PEM file"),
        ("ca.key", b"hello", "contains no private key in PEM format"),
        (
            "admin.crt",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "contains no X.509 certificate",
        ),
        (
            "nodes/etcd1/peer.key",
            b"hello",
            "contains no private key in PEM format",
        ),
        ("seed", b"0123", "is not 64 hexadecimal digits"),
        (
            "nodes/etcd1/ssh_host_ed25519_key",
            b"hello",
            "is not an OpenSSH private key",
        ),
    ] {
        refuses(
            |scene| overwrite(scene, name, bytes),
            &format!("/{name} {message}"),
        );
    }
    let twice = |scene: &Scene| {
        let ca = fs::read(scene.path("ca.crt")).unwrap();
        overwrite(scene, "ca.crt", &ca.repeat(2));
    };
    refuses(
        twice,
        "/ca.crt holds the certificate `CN=main etcd CA`, which is not above the CA",
    );
}

#[test]
fn changed_files_are_refused() {
    // The signature of a root is the end of the certificate.
    let root = |scene: &Scene| {
        let pem = fs::read_to_string(scene.path("ca.crt")).unwrap();
        let body: String = pem.lines().filter(|it| !it.starts_with('-')).collect();
        let mut der = STANDARD.decode(body).unwrap();
        *der.last_mut().unwrap() ^= 1;
        let body = STANDARD.encode(der);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        overwrite(scene, "ca.crt", pem.as_bytes());
    };
    refuses(
        root,
        "/ca.crt is damaged: the signature of the root is that of another certificate",
    );
    let public = |scene: &Scene| {
        let name = "nodes/etcd1/ssh_host_ed25519_key.pub";
        let other = fs::read(scene.path("nodes/etcd2/ssh_host_ed25519_key.pub")).unwrap();
        overwrite(scene, name, &other);
    };
    let scene = Scene::made();
    public(&scene);
    let error = scene.open("").unwrap_err();
    let [found, key] = ["key.pub", "key"].map(|end| {
        let path = scene.path(&format!("nodes/etcd1/ssh_host_ed25519_{end}"));
        path.display().to_string()
    });
    assert_eq!(
        error.to_string(),
        format!("{found} is not the public key of {key}")
    );
}

#[test]
fn an_expired_ca_is_not_replaced() {
    let scene = Scene::new();
    let config = cluster("[pki]\nca-days = 10\n");
    open(&scene.state, &config, NOW).unwrap();
    let error = open(&scene.state, &config, NOW + 10 * DAY).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} expired on 2026-01-11", scene.path("ca.crt").display())
    );
}

#[test]
fn a_folder_that_is_not_ours_gets_not_even_a_lock() {
    let other = Scene::made();
    let scene = Scene::new();
    crate::file::make_private_folder(&scene.state).unwrap();
    copy(&other, &scene, &["ca.crt"]);
    let before = scene.files();
    assert!(scene.open("").is_err());
    assert_eq!(scene.changed_since(&before), Vec::<String>::new());
}

#[test]
fn a_file_is_not_a_folder() {
    let scene = Scene::new();
    let folder = tempfile::NamedTempFile::new().unwrap();
    let error = open(folder.path(), &cluster(""), NOW).unwrap_err();
    let failure: &Failure = error.downcast_ref().unwrap();
    assert_eq!(failure.kind, Kind::Usage);
    assert_eq!(
        failure.message,
        format!(
            "the state directory {path} cannot exist: {path} is not a directory",
            path = folder.path().display()
        )
    );
    drop(scene);
}

#[test]
fn a_place_that_cannot_be_written_is_a_storage_failure() {
    let folder = tempfile::tempdir().unwrap();
    // Longer than any file system allows.
    let name = "s".repeat(300);
    let error = open(&folder.path().join(name), &cluster(""), NOW).unwrap_err();
    let (kind, hint) = crate::failure::explain(&error);
    assert_eq!(kind, Kind::Storage);
    let expected =
        "check that the path exists, that you have access to it, and that its disk has free space";
    assert_eq!(hint, expected);
}
