//! Puts foreign, cut off or reordered files in the place of what a build wrote.

use std::fs::{self, File};

use serde_json::Value;

use crate::support::scene::Scene;

/// Creates a scene with compressed images of two nodes, and those of another cluster with the same names in `other`.
fn two_clusters(formats: &str) -> Scene {
    let scene = Scene::with("raspios-trixie").at_time(1_795_000_000);
    let options = ["--nodes", "2", "--format", formats];
    scene.build(&options);
    let other = ["--state", "foreign", "--out", "other"];
    scene.build(&[&options[..], &other].concat());
    scene
}

/// Replaces a file, runs a check, and puts the file back.
fn with_replaced(scene: &Scene, file: &str, content: &[u8], check: impl FnOnce()) {
    let path = scene.at(file);
    let before = fs::read(&path).unwrap();
    assert_ne!(before, content, "{file}");
    fs::write(&path, content).unwrap();
    check();
    fs::write(&path, before).unwrap();
}

/// Asserts that `verify` finds this wrong.
#[track_caller]
fn verify_says(scene: &Scene, target: &str, wanted: &str) {
    let told = scene.bare(&["verify", target]);
    assert_eq!(told.code, Some(3), "{}", told.stderr);
    let said = told.stdout + &told.stderr;
    assert!(said.contains(wanted), "no `{wanted}` in: {said}");
}

/// Returns a JSON file whose list of this name is in the reverse order.
fn reversed(text: &str, list: &str) -> String {
    let mut value: Value = serde_json::from_str(text).unwrap();
    value[list].as_array_mut().unwrap().reverse();
    value.to_string()
}

#[test]
fn a_foreign_or_damaged_list_for_imager_is_reported() {
    let scene = two_clusters("img.gz");
    let name = "etcd-image.rpi-imager-manifest";
    let file = format!("images/{name}");
    let own = scene.text(&file);
    let wanted = format!("{file}: BAD\n  the file's SHA-256 is ");
    for content in [
        scene.text(&format!("other/{name}")),
        own[..own.len() / 2].to_owned(),
        reversed(&own, "os_list"),
    ] {
        with_replaced(&scene, &file, content.as_bytes(), || {
            verify_says(&scene, "images", &wanted);
        });
    }
    scene.bare(&["verify", "images"]).done();
}

#[test]
fn a_foreign_or_damaged_manifest_is_reported() {
    let scene = two_clusters("img.gz");
    let file = "images/manifest.json";
    let own = scene.text(file);
    for (content, wanted) in [
        (
            scene.text("other/manifest.json"),
            "images/etcd1.img.gz: BAD",
        ),
        (
            own[..own.len() / 2].to_owned(),
            "images/manifest.json is not a manifest",
        ),
        (
            reversed(&own, "nodes"),
            " of manifest.json, the manifest has ",
        ),
    ] {
        with_replaced(&scene, file, content.as_bytes(), || {
            verify_says(&scene, "images", wanted);
        });
    }
    scene.bare(&["verify", "images"]).done();
}

#[test]
fn a_compressed_image_of_another_node_or_cluster_is_reported() {
    let scene = two_clusters("img.xz,img.zst,img.gz");
    let card = File::create(scene.at("card")).unwrap();
    card.set_len(9 << 30).unwrap();
    for format in ["img.xz", "img.zst", "img.gz"] {
        let file = format!("images/etcd1.{format}");
        for foreign in ["images/etcd2", "other/etcd1"] {
            let content = fs::read(scene.at(&format!("{foreign}.{format}"))).unwrap();
            with_replaced(&scene, &file, &content, || {
                verify_says(&scene, &file, &format!("{file}: BAD"));
                if cfg!(target_os = "linux") {
                    let told = scene.bare(&["flash", &file, "card", "--yes-really"]);
                    told.refused_naming(3, &[&format!("error: {file}: "), "; nothing was written"]);
                }
            });
        }
    }
    scene.bare(&["verify", "images"]).done();
}
