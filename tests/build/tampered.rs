//! Checks that one flipped bit in any file of a published build is detected, and by which message. What a flipped bit does to
//! the images themselves is tested in `compressed` and in `verify`.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use crate::support::fixture::{digest, poke};
use crate::support::scene::Scene;
use crate::support::tool::tool_in;

/// Builds a signed image. The public key of its signer is in `allowed`.
fn published() -> Scene {
    let scene = Scene::with("raspios-trixie");
    let key = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", "ada"];
    tool_in(&scene.at(""), "ssh-keygen", &key).done();
    scene.file("allowed", &format!("ada@example {}", scene.text("ada.pub")));
    scene.build(&["--nodes", "1", "--sign", "ada", "--format", "img.gz"]);
    scene
}

/// Flips a bit in the middle of a file; in the manifest, one of the version, which no other check compares.
fn flip(scene: &Scene, file: &str) {
    let path = scene.at(file);
    let mut byte = [0];
    let opened = File::open(&path).unwrap();
    let place = match file {
        "images/manifest.json" => {
            let text = scene.text(file);
            u64::try_from(text.find("\"version\": \"").unwrap() + 12).unwrap()
        }
        _ => opened.metadata().unwrap().len() / 2,
    };
    opened.read_exact_at(&mut byte, place).unwrap();
    poke(&path, place, &[byte[0] ^ 1]);
}

#[test]
fn a_flipped_bit_in_a_file_beside_the_images_is_reported_with_its_digest() {
    let scene = published();
    let files = [
        "etcd1.bmap",
        "etcd1.spdx.json",
        "etcd-image.rpi-imager-manifest",
        "provenance.json",
        "client/ca.crt",
        "client/admin.crt",
        "client/admin.key",
        "client/cluster.json",
        "client/etcdctl.env",
        "client/known_hosts",
        "client/ssh_config",
    ]
    .map(|name| format!("images/{name}"));
    let wanted = files.each_ref().map(|file| digest(&scene.at(file)));
    for file in &files {
        flip(&scene, file);
    }
    let outcome = scene.bare(&["verify", "images"]);
    assert_eq!(outcome.code, Some(3));
    for (file, wanted) in files.iter().zip(wanted) {
        let found = digest(&scene.at(file));
        let problem =
            format!("\n{file}: BAD\n  the file's SHA-256 is {found}, the manifest has {wanted}\n");
        assert!(outcome.stdout.contains(&problem), "{}", outcome.stdout);
    }
    let authority = "\n  the node's CA is not that of client/ca.crt\n";
    assert!(outcome.stdout.contains(authority), "{}", outcome.stdout);
}

#[test]
fn a_flipped_bit_in_what_proves_the_origin_is_reported() {
    let scene = published();
    let signed = ["verify", "images", "--allowed-signers", "allowed"];
    for (file, code, error) in [
        (
            "images/SHA256SUMS",
            3,
            "images/SHA256SUMS.sig: SHA256SUMS is not what ada@example signed",
        ),
        ("images/SHA256SUMS.sig", 3, "images/SHA256SUMS.sig: "),
        (
            "images/manifest.json",
            3,
            "images/SHA256SUMS is signed, but manifest.json has other digests",
        ),
        (
            "allowed",
            2,
            "reading the allowed signers allowed: line 1: ",
        ),
    ] {
        flip(&scene, file);
        scene.bare(&signed).refused_naming(code, &[error]);
        flip(&scene, file);
    }
    // The list is compared without a signature, too.
    flip(&scene, "images/SHA256SUMS");
    let outcome = scene.bare(&["verify", "images"]);
    assert_eq!(outcome.code, Some(3));
    let line = "\nimages/SHA256SUMS: BAD; SHA256SUMS.sig was not checked: add `--allowed-signers FILE`\n  ";
    assert!(outcome.stdout.contains(line), "{}", outcome.stdout);
    flip(&scene, "images/SHA256SUMS");
    scene.bare(&signed).done();
}
