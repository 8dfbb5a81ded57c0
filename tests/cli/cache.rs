//! `etcd-image cache`: what it lists and removes, and what it leaves.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::support::fixture::packed;
use crate::support::scene::Scene;

/// Creates a scene whose cache contains an unpacked base, etcd's programs, and a file of another program.
fn filled() -> Scene {
    let scene = Scene::on(&packed("raspios-trixie", "xz-multi"));
    scene.run("fetch", &[]).done();
    scene.file("home/.cache/etcd-image/notes.txt", "not ours");
    scene
}

/// Returns the descriptions of the entries that a command reports.
fn entries(scene: &Scene, words: &[&str]) -> Vec<String> {
    let told = scene.bare(&[words, &["--json"]].concat()).done();
    let told: Value = serde_json::from_str(&told.stdout).unwrap();
    let entries = told["entries"].as_array().unwrap().iter();
    entries
        .map(|entry| entry["what"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_cache_is_listed_and_pruned() {
    let scene = filled();
    let all = entries(&scene, &["cache"]);
    assert_eq!(all[0], "base image");
    assert!(
        all.contains(&"etcd's programs, unpacked".to_owned()),
        "{all:?}"
    );
    assert_eq!(entries(&scene, &["cache", "list"]), all);
    let used_today = entries(&scene, &["cache", "prune"]);
    assert_eq!(used_today, Vec::<String>::new());

    let long_ago = SystemTime::now() - Duration::from_hours(40 * 24);
    for entry in fs::read_dir(scene.at("home/.cache/etcd-image")).unwrap() {
        let file = File::options()
            .write(true)
            .open(entry.unwrap().path())
            .unwrap();
        file.set_modified(long_ago).unwrap();
    }
    scene.run("fetch", &[]).done();
    assert_eq!(
        entries(&scene, &["cache", "prune"]),
        Vec::<String>::new(),
        "a build just used all"
    );
    assert_eq!(
        entries(&scene, &["cache", "prune", "--all", "--dry-run"]),
        all
    );
    assert_eq!(entries(&scene, &["cache"]), all);
    assert_eq!(entries(&scene, &["cache", "prune", "--all"]), all);
    assert_eq!(entries(&scene, &["cache"]), Vec::<String>::new());
    assert_eq!(scene.text("home/.cache/etcd-image/notes.txt"), "not ours");
    scene.run("fetch", &[]).done();
}

#[test]
fn a_missing_cache_is_empty() {
    let scene = Scene::with("raspios-trixie");
    let told = scene.bare(&["cache", "--cache", "none"]).done().stdout;
    assert_eq!(told, "0 entries with 0 B found in none\n");
    assert!(!scene.at("none").exists());
}
