//! Checks that `etcd-image fetch` fills the cache and prints the location of each file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::fixture::{digest, image, packed, release};
use crate::support::scene::Scene;

#[test]
fn fetch_reports_where_the_unpacked_base_lies() {
    let scene = Scene::on(&packed("raspios-trixie", "xz-multi"));
    let told = scene.run("fetch", &["--json"]).done();
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    let raw = digest(&image("raspios-trixie"));
    assert_eq!(told["format"], 1);
    let path = told["base"]["path"].as_str().unwrap();
    let path = path.replace("SCENE", scene.at("").to_str().unwrap());
    assert!(path.contains("/.cache/etcd-image/"), "{path}");
    assert_eq!(
        (digest(Path::new(&path)), &told["base"]["sha256"]),
        (raw.clone(), &json!(raw))
    );
    assert_eq!(
        told["base"]["size"],
        json!(Path::new(&path).metadata().unwrap().len())
    );
    assert_eq!(told["etcd"]["name"], "3.6.14");
    let source = told["etcd"]["source"].as_str().unwrap();
    assert!(
        source.ends_with("etcd-v3.6.14-linux-arm64.tar.gz"),
        "{source}"
    );
    assert!(!scene.at("images").exists() && !scene.at("etcd-cluster").exists());
}

#[test]
fn a_learned_digest_reaches_the_state_folder_with_the_build() {
    let scene = Scene::with("raspios-trixie").etcd(Path::new("3.6.99"));
    let (tarball, cache) = (release("arm64"), "home/.cache/etcd-image");
    let sha256 = digest(&tarball);
    let pins = format!("[sha256]\n\"3.6.99\" = \"{sha256}\"\n");
    scene.file(&format!("{cache}/etcd-pins.toml"), &pins);
    fs::copy(tarball, scene.at(&format!("{cache}/{sha256}.tar.gz"))).unwrap();
    for command in ["plan", "fetch"] {
        let nodes: &[&str] = if command == "plan" {
            &["--nodes", "1"]
        } else {
            &[]
        };
        scene.run(command, nodes).done();
        assert!(!scene.at("etcd-cluster").exists(), "{command}");
    }
    scene.build(&["--nodes", "1"]);
    assert!(scene.text("etcd-cluster/etcd-pins.toml").ends_with(&pins));
    let kept = fs::metadata(scene.at("etcd-cluster/etcd-pins.toml")).unwrap();
    assert_eq!(kept.permissions().mode() & 0o7777, 0o600);
}
