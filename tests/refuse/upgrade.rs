//! `cluster upgrade --images` with images whose etcd the nodes must not get.

use std::fs;

use serde_json::Value;

use crate::support::scene::Scene;

const UPGRADE: [&str; 4] = ["cluster", "upgrade", "--images", "images"];

/// Returns a scene with images whose manifest was changed.
fn changed(change: impl Fn(&mut Value)) -> Scene {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "3"]);
    let mut manifest = scene.manifest();
    change(&mut manifest);
    scene.file("images/manifest.json", &manifest.to_string());
    scene
}

/// Changes the digest of the server of a node in a manifest.
fn change_digest(manifest: &mut Value, node: usize) {
    let files = manifest["nodes"][node]["files"].as_array_mut().unwrap();
    let mut files = files.iter_mut();
    let etcd = files.find(|file| file["path"] == "/usr/local/bin/etcd");
    etcd.unwrap()["sha256"] = "0".repeat(64).into();
}

#[track_caller]
fn refused(scene: &Scene, code: i32, error: &str) {
    scene.bare(&UPGRADE).refused_naming(code, &[error]);
}

#[test]
fn images_of_another_cluster() {
    let scene = changed(|manifest| manifest["cluster"] = "other".into());
    refused(
        &scene,
        2,
        "images contains images of cluster other, not of main",
    );
}

#[test]
fn images_with_different_etcd() {
    let scene = changed(|manifest| change_digest(manifest, 1));
    let error = "the images of etcd1 and etcd2 in images contain different programs of etcd";
    refused(&scene, 2, error);
}

#[test]
fn an_image_with_another_etcd_than_its_manifest() {
    let scene = changed(|manifest| (0..3).for_each(|node| change_digest(manifest, node)));
    let error = "etcd in images/etcd1.img is not the one that manifest.json lists";
    refused(&scene, 3, error);
}

#[test]
fn a_directory_without_manifest_or_image() {
    let scene = changed(|_| ());
    fs::remove_file(scene.image_path("etcd1")).unwrap();
    refused(&scene, 2, "images contains no image of etcd1");
    fs::remove_file(scene.at("images/manifest.json")).unwrap();
    refused(
        &scene,
        2,
        "images contains no manifest.json to compare its files with",
    );
}
