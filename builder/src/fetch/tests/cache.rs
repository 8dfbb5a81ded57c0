//! The cache when files are damaged, builds run in parallel, or a run is killed.

use std::thread;

use super::download::{answer, serving_image};
use super::scene::{Notes, Scene, failure, image, sha256, xz};
use crate::failure::Kind;
use crate::fetch::cache::Cache;
use crate::progress::Silent;

/// Changes one byte and the modification time, but not the size.
fn damage(path: &std::path::Path) {
    thread::sleep(std::time::Duration::from_millis(20));
    let mut bytes = fs_err::read(path).unwrap();
    bytes[1000] ^= 1;
    fs_err::write(path, bytes).unwrap();
}

#[test]
fn touched_image_is_hashed_again_and_kept() {
    let (scene, server, recipe) = serving_image(answer);
    let path = scene.base(&recipe).unwrap().path().to_owned();
    thread::sleep(std::time::Duration::from_millis(20));
    fs_err::write(&path, image()).unwrap();
    scene.base(&recipe).unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn damaged_image_is_fetched_anew() {
    let (scene, server, recipe) = serving_image(answer);
    let path = scene.base(&recipe).unwrap().path().to_owned();
    damage(&path);
    scene.base(&recipe).unwrap();
    assert_eq!(server.requests().len(), 2);
    assert!(fs_err::read(&path).unwrap() == image());
}

#[test]
fn damaged_image_offline_is_an_error() {
    let (mut scene, _server, recipe) = serving_image(answer);
    damage(scene.base(&recipe).unwrap().path());
    scene.offline = true;
    let (kind, text) = failure(scene.base(&recipe));
    assert_eq!(kind, Kind::Verification);
    assert!(
        text.contains(&format!("expected {}", sha256(&image()))),
        "{text}"
    );
}

#[test]
fn sound_image_offline_is_used() {
    let (mut scene, server, recipe) = serving_image(answer);
    scene.base(&recipe).unwrap();
    scene.offline = true;
    scene.base(&recipe).unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn image_without_a_record_is_fetched_anew() {
    let (scene, server, recipe) = serving_image(answer);
    scene.base(&recipe).unwrap();
    scene
        .cached(".toml")
        .iter()
        .for_each(|path| fs_err::remove_file(path).unwrap());
    scene.base(&recipe).unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn two_builds_share_one_download() {
    let (scene, server, recipe) = serving_image(answer);
    let notes = Notes::default();
    let paths: Vec<_> = thread::scope(|scope| {
        let builds: Vec<_> = (0..4)
            .map(|_| {
                let options = crate::fetch::Options {
                    progress: &notes,
                    ..scene.options()
                };
                let recipe = &recipe;
                scope.spawn(move || {
                    let (verified, _) = crate::fetch::base(recipe, None, &options).unwrap();
                    verified.path().to_owned()
                })
            })
            .collect();
        builds
            .into_iter()
            .map(|build| build.join().unwrap())
            .collect()
    });
    assert!(paths.iter().all(|path| *path == paths[0]));
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn the_second_build_waits_for_the_lock() {
    let scene = Scene::new();
    let cache = Cache::open(&scene.cache).unwrap();
    let notes = Notes::default();
    let entry = cache.entry("a", &notes).unwrap();
    thread::scope(|scope| {
        let second = scope.spawn(|| cache.entry("a", &notes).map(drop).unwrap());
        while notes.lines().is_empty() {
            thread::yield_now();
        }
        assert!(!second.is_finished());
        drop(entry);
    });
    assert!(notes.lines()[0].starts_with("waiting for another build"));
}

#[test]
fn leftovers_of_killed_runs_go_unless_in_use() {
    let scene = Scene::new();
    let cache = Cache::open(&scene.cache).unwrap();
    let used = cache.entry(&"0f".repeat(32), &Silent).unwrap();
    let temporary = used.create("img").unwrap();
    let left = |ending: &str| scene.cache.join(format!("{}.{ending}.tmp", "a".repeat(64)));
    fs_err::write(left("img"), "half").unwrap();
    fs_err::write(left("toml"), "half").unwrap();
    fs_err::write(left("part.from"), "half").unwrap();
    fs_err::create_dir(left("work")).unwrap();
    fs_err::write(left("work").join("file"), "half").unwrap();
    let record = format!("local-{}.toml.tmp", "b".repeat(64));
    fs_err::write(scene.cache.join(record), "half").unwrap();
    Cache::open(&scene.cache).unwrap();
    assert_eq!(scene.cached(".tmp"), [temporary.file().path()]);
    drop(temporary);
    assert_eq!(
        scene.cached(".tmp").len(),
        0,
        "an abandoned temporary goes at once"
    );
}

#[test]
fn files_of_strangers_stay_and_get_no_lock() {
    let scene = Scene::new();
    let digest = "a".repeat(64);
    let files = [
        "notes.tmp".to_owned(),
        format!("{digest}.tmp"),
        format!("{digest}.thesis.tmp"),
        format!("{digest}.toml.draft.tmp"),
        format!("{}.img.tmp", digest.to_uppercase()),
    ];
    fs_err::create_dir_all(scene.cache.join("thesis.tmp")).unwrap();
    for name in &files {
        fs_err::write(scene.cache.join(name), "mine").unwrap();
    }
    Cache::open(&scene.cache).unwrap();
    assert!(scene.cache.join("thesis.tmp").is_dir());
    for name in &files {
        assert!(scene.cache.join(name).is_file(), "{name}");
    }
    assert!(scene.cached(".lock").is_empty());
}

#[test]
fn cache_that_cannot_be_a_folder_is_named() {
    let mut scene = Scene::new();
    let file = scene.file("file", b"");
    for cache in [file.clone(), file.join("cache")] {
        scene.cache = cache;
        let (kind, text) = failure(scene.local(&scene.file("a.img.xz", &xz(b"a"))));
        let message = format!("{} exists and is not a directory", file.display());
        assert_eq!((kind, text), (Kind::Usage, message));
    }
}
