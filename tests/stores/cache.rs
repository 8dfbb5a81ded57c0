//! Checks that machines share what one of them has downloaded, and that none of them trusts the shared cache.

use std::fs;

use super::run;
use super::server::{Fault, Server};
use crate::support::fixture::{digest, packed, release};
use crate::support::http::{Reply, Server as Mirror};
use crate::support::scene::{Outcome, Scene};

/// A mirror with one base, and a shared cache that is empty at first.
struct Place {
    mirror: Mirror,
    cache: Server,
    sha256: String,
}

impl Place {
    fn new() -> Self {
        let base = packed("raspios-trixie", "xz-multi");
        let bytes = fs::read(&base).unwrap();
        Self {
            mirror: Mirror::start(move |_, _| Reply::whole(&bytes)),
            cache: Server::start(),
            sha256: digest(&base),
        }
    }

    /// Fetches the base on a machine that has nothing.
    fn fetch(&self) -> Outcome {
        let (scene, line) = machine(&self.mirror, &self.sha256);
        let line: Vec<&str> = line.split(' ').collect();
        let fetched = run(&scene, &self.cache, &line);
        assert!(!scene.at("s3:").exists());
        fetched
    }

    fn downloads(&self) -> usize {
        self.mirror.requests().len()
    }

    fn name(&self) -> String {
        format!("cache/blobs/sha256/{}", self.sha256)
    }
}

/// Creates the scene of a machine that has nothing, and the command line that fetches the mirror's base with the cache `s3://lab/cache`.
pub(super) fn machine(mirror: &Mirror, sha256: &str) -> (Scene, String) {
    let scene = Scene::with("raspios-trixie");
    let url = mirror.url("/base.img.xz");
    let recipe = format!(
        "title = \"t\"\nrelease = \"1\"\nprovisioned-by = \"p\"\nsystemd = 257\noverlays = [\"appliance\"]\nfirmware = []\n\
         boards = [\"pi4\"]\n[recognize]\nid = \"debian\"\nversion = \"13\"\n[download]\nurl = \"{url}\"\nsha256 = \"{sha256}\"\n"
    );
    scene.file("recipes/mine.toml", &recipe);
    let etcd = release("arm64");
    let line = format!(
        "fetch --base mine --recipes recipes --cache s3://lab/cache --etcd {}",
        etcd.display()
    );
    (scene, line)
}

#[test]
fn a_second_machine_takes_the_download_of_the_first() {
    let place = Place::new();
    place.fetch().done();
    assert_eq!(
        (place.downloads(), place.cache.names()),
        (1, vec![place.name()])
    );
    place.fetch().done();
    assert_eq!(place.downloads(), 1);
    assert_eq!(place.cache.count("PUT", ""), 1, "it was sent again");
}

#[test]
fn other_bytes_in_the_shared_cache_are_replaced() {
    let place = Place::new();
    place.fetch().done();
    place
        .cache
        .change(|objects| objects.values_mut().for_each(|bytes| bytes[0] ^= 1));
    let told = place.fetch().done();
    let noted = "; the shared cache gets the right bytes from its source\n";
    assert!(told.stderr.contains(noted), "{}", told.stderr);
    assert_eq!(place.downloads(), 2);
    place.fetch().done();
    assert_eq!(place.downloads(), 2);
}

#[test]
fn a_shared_cache_that_may_only_be_read_is_noted() {
    let place = Place::new();
    place.cache.fail(|request, _| {
        let denied = Fault::Answer("403 Forbidden", "AccessDenied");
        (request.is("PUT", "") || request.is("POST", "")).then_some(denied)
    });
    let told = place.fetch().done();
    let noted = format!(
        "writing s3://lab/{}: the server denies it; other machines will not find it in the shared cache\n",
        place.name()
    );
    assert!(told.stderr.contains(&noted), "{}", told.stderr);
}

#[test]
fn a_shared_cache_that_does_not_answer_is_an_error() {
    let place = Place::new();
    place.cache.fail(|_, _| Some(Fault::Drop));
    let told = place.fetch();
    told.refused_naming(5, &[&format!("looking for s3://lab/{}: ", place.name())]);
    assert_eq!(place.downloads(), 0);
}

#[test]
fn commands_with_a_local_cache_only_refuse_a_store() {
    let scene = Scene::with("raspios-trixie");
    let told = scene.bare(&["cache", "--cache", "s3://lab/cache"]);
    assert_eq!(told.code, Some(2));
    let wanted = "it is the address of a store; name a directory";
    assert!(told.stderr.contains(wanted), "{}", told.stderr);
}
