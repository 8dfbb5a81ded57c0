//! Checks that `etcd-image diff` shows exactly what differs, and no secret.

use std::fs;

use serde_json::{Value, json};

use crate::support::checker::Disk;
use crate::support::fixture::{copy_sparse, digest, poke};
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

/// A node with a file that only root may read.
const TOKEN: &str = "[[node]]\nname = \"etcd1\"\naddress = \"192.168.0.50\"\n\
                     [[file]]\npath = \"/etc/token\"\nsource = \"token\"\nmode = \"0600\"\n";

/// Builds an image for each of two contents of a secret file. Returns their fingerprints in the lock file.
fn two_tokens(scene: &Scene) -> [String; 2] {
    scene.file("cluster.toml", TOKEN);
    [("a", "hunter2\n"), ("b", "hunter3\n")].map(|(out, token)| {
        scene.file("token", token).build(&["--out", out]);
        let lock = scene.text("etcd-image.lock");
        let value = lock
            .lines()
            .find_map(|line| line.strip_prefix("fingerprint = "));
        value.unwrap().trim_matches('"').to_owned()
    })
}

#[test]
fn a_secret_is_shown_by_its_fingerprint_with_the_key_of_the_state_directory() {
    let scene = Scene::with("raspios-trixie");
    let [a, b] = two_tokens(&scene);
    let head = "etcd1.img: 1 difference\n  root:/etc/token\n";
    let expected = format!("{head}      - secret {a}\n      + secret {b}\n");
    let show = |options: &[&str]| scene.bare(&[&["diff", "a", "b"], options].concat());
    assert_eq!(show(&[]).stdout, expected);

    // Without that key, a fingerprint would allow guessing what is secret.
    fs::rename(scene.at("etcd-cluster"), scene.at("away")).unwrap();
    let unknown = "      secrets that differ; `--state DIR` shows their fingerprints\n";
    let shown = show(&[]);
    let wanted = format!("{head}{unknown}");
    assert_eq!((shown.code, shown.stdout), (Some(1), wanted));
    let shown = show(&["--json"]);
    assert!(
        shown.stdout.contains("\"kind\": \"secret\"\n"),
        "{}",
        shown.stdout
    );
    assert_eq!(show(&["--state", "away"]).stdout, expected);
    let refused = show(&["--state", "none"]);
    let wanted = "error: none/seed does not exist\n\
                  hint: name the state directory of the images' cluster with `--state`\n";
    assert_eq!((refused.code, &*refused.stderr), (Some(2), wanted));
}

#[test]
fn secrets_of_a_fleet_are_shown_with_the_keys_of_its_clusters() {
    let scene = Scene::with("raspios-trixie");
    let [a, b] = two_tokens(&scene);
    for (folder, name) in [("old", "a"), ("new", "b"), ("states", "etcd-cluster")] {
        fs::create_dir(scene.at(folder)).unwrap();
        fs::rename(scene.at(name), scene.at(&format!("{folder}/home"))).unwrap();
    }
    let shown = scene.bare(&["diff", "old", "new", "--state", "states"]);
    let expected = format!(
        "home/etcd1.img: 1 difference\n  root:/etc/token\n      - secret {a}\n      + secret {b}\n"
    );
    assert_eq!(shown.stdout, expected);
}

#[test]
fn a_private_key_is_shown_by_its_public_key() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "1"]);
    let (peer, host) = ("peer.key", "ssh_host_ed25519_key");
    let of_node = |name: &str| format!("etcd-cluster/nodes/etcd1/{name}");
    let seen_by_others = || {
        let [peer, host] = [peer, host].map(|name| scene.at(&of_node(name)));
        let spki = [
            "pkey",
            "-in",
            peer.to_str().unwrap(),
            "-pubout",
            "-outform",
            "DER",
            "-out",
        ];
        let der = scene.at("spki");
        tool("openssl", &[&spki[..], &[der.to_str().unwrap()]].concat()).done();
        let listed = tool("ssh-keygen", &["-l", "-f", host.to_str().unwrap()])
            .done()
            .text();
        let host = listed.split(' ').nth(1).unwrap().to_owned();
        [
            format!("private key of the public key {}", digest(&der)),
            format!("private key of the public key {host}"),
        ]
    };
    let [old_peer, old_host] = seen_by_others();
    fs::rename(scene.at("images"), scene.at("old")).unwrap();
    for name in [peer, "peer.crt", host, "ssh_host_ed25519_key.pub"] {
        fs::remove_file(scene.at(&of_node(name))).unwrap();
    }
    scene.build(&["--nodes", "1"]);
    let [new_peer, new_host] = seen_by_others();
    // No state directory is needed.
    fs::rename(scene.at("etcd-cluster"), scene.at("away")).unwrap();
    let (_, found) = differences(&scene, "old", "images");
    for (path, a, b) in [
        ("/etc/etcd/pki/peer.key", old_peer, new_peer),
        ("/etc/ssh/ssh_host_ed25519_key", old_host, new_host),
    ] {
        let mut all = found.as_array().unwrap().iter();
        let it = all.find(|it| it["path"] == path).expect(path);
        assert_eq!(it["content"], json!({ "kind": "secret", "a": a, "b": b }));
    }
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
fn partition_tables_links_and_binary_files_are_compared() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "1"]);
    for (name, disk, bytes) in [("a", b"1111", "\u{1}\n"), ("b", b"2222", "\u{2}\n")] {
        let image = format!("{name}.img");
        copy_sparse(&scene.image_path("etcd1"), &scene.at(&image));
        poke(&scene.at(&image), 440, disk);
        let requests = [
            format!("write {} /etc/blob", scene.at(name).display()),
            "set_inode_field /etc/blob mode 0100644".to_owned(),
            format!("symlink /etc/link to-{name}"),
        ];
        scene.file(name, bytes);
        edit(&scene, &image, &requests.each_ref().map(String::as_str));
    }
    let outcome = scene.bare(&["diff", "a.img", "b.img"]);
    let [a, b] = ["a", "b"].map(|name| digest(&scene.at(name)));
    let expected = format!(
        "b.img: 3 differences\n  disk ID\n      - 31313131\n      + 32323232\n  \
         root:/etc/blob\n      - SHA-256 {a}\n      + SHA-256 {b}\n  \
         root:/etc/link\n      - link to to-a\n      + link to to-b\n"
    );
    assert_eq!((outcome.code, outcome.stdout), (Some(1), expected));
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

#[test]
fn a_text_cannot_be_compared() {
    let scene = Scene::with("raspios-trixie");
    scene.file("manifest.json", "{\n}\n");
    let outcome = scene.bare(&["diff", "manifest.json", "manifest.json"]);
    let expected = "error: manifest.json is not a disk image\n\
                    hint: name two images, or two directories\n";
    assert_eq!((outcome.code, &*outcome.stderr), (Some(2), expected));
}
