//! `etcd-image fetch` fills the cache and tells what lies where.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::fixture::{digest, image, packed};
use crate::support::scene::Scene;

#[test]
fn fetch_tells_where_the_unpacked_base_lies() {
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
