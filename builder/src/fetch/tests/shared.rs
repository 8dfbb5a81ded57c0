//! A cache directory that other users can write to: builds never use what they put there.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::download::{answer, serving_image};
use super::scene::http::Server;
use super::scene::{Scene, but, failure, image, sha256, xz};
use crate::digest::Digested;
use crate::failure::Kind;
use crate::fetch::record::{FileState, Record};
use crate::fetch::verified::SourceDigests;
use crate::recipe::Recipe;

/// Fetches an image, and returns the server that has it.
fn fetched(pins_raw: bool) -> (Scene, Server, Recipe) {
    let (scene, server, mut recipe) = serving_image(answer);
    if !pins_raw {
        recipe = but(recipe, |download| {
            (download.raw_sha256, download.raw_size) = (None, None);
        });
    }
    scene.base(&recipe).unwrap();
    (scene, server, recipe)
}

/// Opens the cache to all users and puts another image there, with a record of what the build expects to read.
fn forge(scene: &Scene) {
    open_to_all(&scene.cache);
    let path = scene.cached(".img").remove(0);
    let record = scene
        .cached(".toml")
        .into_iter()
        .find(|path| !path.to_string_lossy().contains("local-"))
        .unwrap();
    fs_err::write(&path, "forged").unwrap();
    let digested = |bytes: &[u8]| Digested {
        sha256: sha256(bytes),
        size: bytes.len() as u64,
    };
    let seen = SourceDigests {
        packed: digested(&xz(&image())),
        raw: digested(&image()),
    };
    let text = Record::new(&seen, Some(FileState::of(&path).unwrap())).to_text();
    fs_err::write(record, text.unwrap()).unwrap();
}

fn open_to_all(folder: &Path) {
    fs_err::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
}

#[test]
fn a_forged_image_is_hashed_and_replaced() {
    let (scene, server, recipe) = fetched(true);
    forge(&scene);
    let verified = scene.base(&recipe).unwrap();
    assert!(fs_err::read(verified.path()).unwrap() == image());
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn an_image_whose_own_digest_nobody_pinned_is_fetched_anew() {
    let (scene, server, recipe) = fetched(false);
    forge(&scene);
    let verified = scene.base(&recipe).unwrap();
    assert!(fs_err::read(verified.path()).unwrap() == image());
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn offline_such_an_image_is_refused() {
    let (mut scene, _server, recipe) = fetched(false);
    forge(&scene);
    scene.offline = true;
    let expected = format!(
        "fetching the base test: using the cached image, as --offline asks: other users can write to the cache directory {}, \
         and no digest of the unpacked image is known",
        scene.cache.display()
    );
    assert_eq!(failure(scene.base(&recipe)), (Kind::Verification, expected));
}

#[test]
fn a_sound_image_with_a_known_digest_is_used_after_hashing() {
    let (scene, server, recipe) = fetched(true);
    open_to_all(&scene.cache);
    scene.base(&recipe).unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_local_image_is_hashed_and_unpacked_again() {
    let scene = Scene::new();
    let path = scene.file("a.img.xz", &xz(&image()));
    scene.local(&path).unwrap();
    forge(&scene);
    let verified = scene.local(&path).unwrap();
    assert!(fs_err::read(verified.path()).unwrap() == image());
}

#[test]
fn a_forged_record_of_a_local_image_counts_for_nothing() {
    let scene = Scene::new();
    let path = scene.file("a.img", &image());
    scene.local(&path).unwrap();
    open_to_all(&scene.cache);
    let forged = Digested {
        sha256: "0".repeat(64),
        size: 1,
    };
    let seen = SourceDigests {
        packed: forged.clone(),
        raw: forged,
    };
    let text = Record::new(&seen, Some(FileState::of(&path).unwrap())).to_text();
    fs_err::write(scene.cached(".toml").remove(0), text.unwrap()).unwrap();
    assert_eq!(scene.local(&path).unwrap().raw_sha256(), sha256(&image()));
}

#[test]
fn the_cache_folder_is_made_for_its_owner_alone() {
    let (scene, _server, _) = fetched(true);
    let mode = |path: &Path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&scene.cache), 0o700);
    assert_eq!(mode(&scene.cached(".img")[0]) & 0o022, 0);
}
