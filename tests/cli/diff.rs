//! Checks that `etcd-image diff` shows exactly what differs, and no secret.

use std::fs;

use serde_json::Value;

use crate::support::checker::Disk;
use crate::support::fixture::{copy_sparse, poke};
use crate::support::scene::Scene;
use crate::support::tool::tool;

/// Applies requests of `debugfs` to the root of an image.
fn edit(scene: &Scene, image: &str, requests: &[&str]) {
    let image = scene.at(image);
    let start = Disk::open(&image).partitions[1].start;
    let partition = format!("{}?offset={start}", image.display());
    for request in requests {
        tool("debugfs", &["-w", "-R", request, &partition]).done();
    }
}

/// Returns the differences of the only pair of images, and the exit code.
fn differences(scene: &Scene, a: &str, b: &str) -> (Option<i32>, Value) {
    let outcome = scene.bare(&["--json", "diff", a, b]);
    let mut comparison: Value = serde_json::from_str(&outcome.stdout).unwrap();
    (outcome.code, comparison["images"][0]["differences"].take())
}

#[test]
fn an_image_does_not_differ_from_its_copy() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "1"]);
    copy_sparse(&scene.image_path("etcd1"), &scene.at("copy.img"));
    let outcome = scene.bare(&["diff", "images/etcd1.img", "copy.img"]).done();
    assert_eq!(outcome.stdout, "copy.img: no differences\n");
}

#[test]
fn an_image_with_the_same_files_and_another_byte_is_not_the_same() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "1"]);
    copy_sparse(&scene.image_path("etcd1"), &scene.at("copy.img"));
    // Boot code, which the Raspberry Pi does not use.
    poke(&scene.at("copy.img"), 100, b"!");
    let outcome = scene.bare(&["diff", "images/etcd1.img", "copy.img"]);
    let expected = "copy.img: 1 difference\n  \
                    bytes outside of partition table and files, such as times or free space\n      \
                    the first at byte 100\n";
    assert_eq!((outcome.code, &*outcome.stdout), (Some(1), expected));
}

/// Returns the path of each difference and the kind of its content.
fn contents(scene: &Scene, a: &str, b: &str) -> Vec<(String, String)> {
    let (code, found) = differences(scene, a, b);
    assert_eq!(code, Some(1));
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown = |it: &Value| (word(&it["path"]), word(&it["content"]["kind"]));
    found.as_array().unwrap().iter().map(shown).collect()
}

#[test]
fn renewed_certificates_change_only_the_files_that_hold_them() {
    let scene = Scene::with("raspios-trixie").at_time(1_795_000_000);
    scene.build(&["--nodes", "1"]);
    let certificate = |name: &str| (format!("/etc/etcd/{name}.crt"), "certificate".to_owned());
    let key = ("/etc/etcd/pki/peer.key".to_owned(), "secret".to_owned());
    // It contains the digests of the certificates.
    let node = "/usr/local/lib/etcd-node/node.json";
    let description = (node.to_owned(), "text".to_owned());

    // After forty days, one is issued again with a new key.
    for file in ["peer.crt", "peer.key"] {
        fs::remove_file(scene.at(&format!("etcd-cluster/nodes/etcd1/{file}"))).unwrap();
    }
    let scene = scene.at_time(1_795_000_000 + 40 * 86_400);
    scene.build(&["--nodes", "1", "--out", "one"]);
    let expected = [certificate("pki/peer"), key, description.clone()];
    assert_eq!(contents(&scene, "images", "one"), expected);

    // After more than two thirds of their five years, all are renewed and keep their keys.
    let scene = scene.at_time(1_795_000_000 + 1300 * 86_400);
    scene.build(&["--nodes", "1", "--out", "all"]);
    let [client, peer, server] = ["client/client", "pki/peer", "pki/server"].map(certificate);
    assert_eq!(
        contents(&scene, "one", "all"),
        [client, peer, server, description]
    );
}

#[test]
fn every_kind_of_difference_is_shown() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "1"]);
    copy_sparse(&scene.image_path("etcd1"), &scene.at("b.img"));
    scene.file("hostname", "etcd9\n").file("bytes", "\u{7}\n");
    edit(
        &scene,
        "b.img",
        &[
            "rm /etc/hostname",
            &format!("write {} /etc/hostname", scene.at("hostname").display()),
            "set_inode_field /etc/hosts mode 0100600",
            "rm /etc/etcd/etcd.conf.yml",
            &format!("write {} /etc/new", scene.at("bytes").display()),
            "set_inode_field /etc/new mode 0100644",
            "set_inode_field /etc/ssh uid 7",
        ],
    );
    let outcome = scene.bare(&["diff", "images/etcd1.img", "b.img"]);
    let expected = "\
b.img: 5 differences
  root:/etc/etcd/etcd.conf.yml
      - file 0644 0:0, N bytes
  root:/etc/hostname
      @@ -1 +1 @@
      -etcd1
      +etcd9
  root:/etc/hosts
      - file 0644 0:0, N bytes
      + file 0600 0:0, N bytes
  root:/etc/new
      + file 0644 0:0, N bytes
  root:/etc/ssh
      - directory 0755 0:0
      + directory 0755 7:0
";
    assert_eq!(
        (outcome.code, &*without_sizes(&outcome.stdout)),
        (Some(1), expected)
    );
}

/// Returns the text with `N` in place of sizes.
fn without_sizes(text: &str) -> String {
    let line = |line: &str| match line.split_once(", ") {
        Some((begin, size)) if size.ends_with(" bytes") => format!("{begin}, N bytes\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

#[test]
fn an_image_that_only_one_directory_has_is_a_difference() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "2"]);
    fs::create_dir(scene.at("old")).unwrap();
    copy_sparse(&scene.image_path("etcd1"), &scene.at("old/etcd1.img"));
    let outcome = scene.bare(&["diff", "old", "images"]);
    let expected = "etcd1.img: no differences\netcd2.img: 1 difference\n  only in b\n";
    assert_eq!((outcome.code, &*outcome.stdout), (Some(1), expected));
}

#[test]
fn an_image_cannot_be_compared_with_a_directory() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "1"]);
    let outcome = scene.bare(&["diff", "images", "images/etcd1.img"]);
    let expected = "error: images and images/etcd1.img are not of the same kind\n\
                    hint: name two images, or two directories\n";
    assert_eq!((outcome.code, &*outcome.stderr), (Some(2), expected));
}
