//! `etcd-image verify --rebuild`: whether the state directory and the lock give the same bytes again.

use std::fs;

use crate::support::fixture::poke;
use crate::support::scene::Scene;
use crate::support::tool::tool_in;

#[test]
fn a_rebuild_tells_every_file_that_differs() {
    let scene = Scene::with("raspios-trixie");
    scene.build(&[
        "--nodes",
        "2",
        "--format",
        "img,img.gz",
        "--publish-url",
        "https://example.org/kv",
    ]);
    let (names, lock) = (scene.names(""), scene.text("etcd-image.lock"));
    let rebuild = |options: &[&str]| {
        let options = [&["images", "--rebuild", "--nodes", "2"], options].concat();
        scene.run("verify", &options)
    };
    let told = rebuild(&[]).done().stdout;
    for name in [
        "etcd2.img",
        "etcd1.img.gz",
        "etcd1.bmap",
        "manifest.json",
        "provenance.json",
        "SHA256SUMS",
        "client/ca.crt",
    ] {
        assert!(
            told.contains(&format!("same                {name}\n")),
            "{name}: {told}"
        );
    }
    assert_eq!(
        told.lines()
            .filter(|line| !line.starts_with("same "))
            .count(),
        0,
        "{told}"
    );
    assert_eq!(scene.names(""), names, "nothing is left behind");

    poke(&scene.image_path("etcd2"), 4 << 20, b"!");
    let told = rebuild(&[]);
    assert_eq!(told.code, Some(3), "{}", told.stderr);
    let different: Vec<&str> = told
        .stdout
        .lines()
        .filter(|line| !line.starts_with("same "))
        .collect();
    assert_eq!(different, ["different           etcd2.img"]);
    let error = "error: 1 of ";
    assert!(told.stderr.contains(error), "{}", told.stderr);

    let elsewhere = rebuild(&["--state", "other/etcd-cluster"]);
    elsewhere.refused_naming(2, &["other/etcd-image.lock does not exist"]);
    fs::create_dir(scene.at("other")).unwrap();
    scene.file("other/etcd-image.lock", &lock);
    let stranger = rebuild(&["--state", "other/etcd-cluster"]);
    stranger.refused_naming(
        2,
        &["other/etcd-cluster lacks files from which these images were built"],
    );
    assert!(!scene.at("other/etcd-cluster").exists());
}

#[test]
fn signed_images_are_rebuilt_without_the_key() {
    let scene = Scene::with("raspios-trixie");
    let key = ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", "ada"];
    tool_in(&scene.at(""), "ssh-keygen", &key).done();
    let node = "[[node]]\nname = \"etcd1\"\naddress = \"192.168.0.50\"\n";
    scene.file(
        "cluster.toml",
        &format!("[publish]\nsign = \"ada\"\n{node}"),
    );
    scene.build(&[]);
    fs::remove_file(scene.at("ada")).unwrap();
    let told = scene.run("verify", &["images", "--rebuild"]).done().stdout;
    for name in ["etcd1.img", "etcd1.bmap", "provenance.json"] {
        let line = format!("same                {name}\n");
        assert!(told.contains(&line), "{told}");
    }
    assert!(told.lines().all(|line| line.starts_with("same ")), "{told}");
    assert!(told.contains("client/ca.crt"), "{told}");

    // Whoever has fetched published images does not have the operator's files.
    fs::remove_dir_all(scene.at("images/client")).unwrap();
    let told = scene.run("verify", &["images", "--rebuild"]).done().stdout;
    assert!(told.lines().all(|line| line.starts_with("same ")), "{told}");
    assert!(!told.contains("client/"), "{told}");
}

#[test]
fn the_options_of_a_build_need_a_rebuild() {
    let scene = Scene::with("raspios-trixie");
    let told = scene.bare(&["verify", "images", "--state", "x"]);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    assert!(told.stderr.contains("--rebuild"), "{}", told.stderr);
}
