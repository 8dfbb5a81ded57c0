//! Tests that a locked base stays the same whatever the recipe and the mirror say now.

use super::scene::http::{Reply, Server};
use super::scene::{Scene, but, failure, image, recipe, sha256, xz};
use crate::failure::Kind;
use crate::lock::LockedBase;
use crate::recipe::{BaseSource, DigestSource, Recipe};

/// A server of one image, a recipe that names it, and the recipe after the next release.
struct Moved {
    server: Server,
    old: Recipe,
    new: Recipe,
}

impl Moved {
    /// The old image is served under its own name if `keeps` says so; the new one never is.
    fn new(keeps: bool) -> Self {
        let packed = xz(&image());
        let body = packed.clone();
        let server = Server::start(move |request, _| match request.path.as_str() {
            "/old.img.xz" if keeps => Reply::file(request, &body, "\"1\""),
            _ => Reply::status("404 Not Found"),
        });
        let old = recipe(server.url("/old.img.xz"), &packed, &image());
        let new = but(old.clone(), |download| {
            download.url = server.url("/new.img.xz");
            download.digest_source = DigestSource::Sha256(sha256(b"new"));
        });
        Self { server, old, new }
    }

    fn lock(&self) -> LockedBase {
        let packed = xz(&image());
        LockedBase {
            recipe: Some("test".into()),
            url: Some(self.server.url("/old.img.xz")),
            sha256: Some(sha256(&packed)),
            size: Some(packed.len() as u64),
            raw_sha256: sha256(&image()),
            raw_size: image().len() as u64,
            ..LockedBase::default()
        }
    }
}

#[test]
fn the_record_of_a_base_names_everything_about_it() {
    let (scene, moved) = (Scene::new(), Moved::new(true));
    let (_, record) = crate::fetch::base(&moved.old, None, &scene.options()).unwrap();
    assert_eq!(record, moved.lock());
}

#[test]
fn a_locked_base_stays_when_the_recipe_moves_on() {
    let (mut scene, moved) = (Scene::new(), Moved::new(true));
    let lock = moved.lock();
    let (fetched, record) = crate::fetch::base(&moved.new, Some(&lock), &scene.options()).unwrap();
    assert_eq!(fetched.raw_sha256(), sha256(&image()));
    assert_eq!(record, lock);
    scene.offline = true;
    crate::fetch::base(&moved.new, Some(&lock), &scene.options()).unwrap();
    let unlocked = crate::fetch::base(&moved.new, None, &scene.options());
    assert_eq!(failure(unlocked).0, Kind::Storage);
}

#[test]
fn a_locked_base_that_vanished_is_named() {
    let (scene, moved) = (Scene::new(), Moved::new(false));
    let fetched = crate::fetch::base(&moved.new, Some(&moved.lock()), &scene.options());
    let url = moved.server.url("/old.img.xz");
    assert_eq!(
        failure(fetched),
        (
            Kind::Storage,
            format!(
                "fetching the base test: the locked base is no longer published at {url}: \
                 downloading {url}: answer 404 Not Found"
            )
        )
    );
}

#[test]
fn other_bytes_than_the_locked_ones_are_refused() {
    let (scene, moved) = (Scene::new(), Moved::new(true));
    let lock = LockedBase {
        raw_sha256: sha256(b"other"),
        ..moved.lock()
    };
    let url = moved.server.url("/old.img.xz");
    assert_eq!(
        failure(crate::fetch::base(
            &moved.old,
            Some(&lock),
            &scene.options()
        )),
        (
            Kind::Verification,
            format!(
                "fetching the base test: wrong SHA-256 of the image unpacked from {url}: expected {}, got {}",
                sha256(b"other"),
                sha256(&image())
            )
        )
    );
}

#[test]
fn a_locked_base_of_packages_that_is_gone_names_them() {
    let scene = Scene::new();
    let made = Recipe {
        source: BaseSource::Debian,
        ..recipe(String::new(), b"", b"")
    };
    let line = |name: &str| format!("{name} 1.0 all {}", "0".repeat(64));
    let lock = LockedBase {
        recipe: Some("test".into()),
        raw_sha256: sha256(b"image"),
        packages: ["adduser", "apt", "bash", "dash", "tar"].map(line).to_vec(),
        ..LockedBase::default()
    };
    assert_eq!(
        failure(crate::fetch::base(&made, Some(&lock), &scene.options())),
        (
            Kind::Storage,
            format!(
                "fetching the base test: the locked base with SHA-256 {} is not in the cache: \
                 the cache lacks adduser 1.0 all, apt 1.0 all, bash 1.0 all and 2 more",
                sha256(b"image")
            )
        )
    );
}
