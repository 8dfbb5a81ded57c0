//! Interrupts builds as Ctrl-C does, at many moments; images are old or new, nothing incomplete stays, and the program says so.

use std::fs;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::killed::Watch;
use crate::support::fixture::digest;
use crate::support::interrupted::{SAID, interrupted};
use crate::support::scene::Scene;

/// The number of moments at which a build is interrupted.
const MOMENTS: u32 = 12;
/// How often a program is started until the signal finds it at the wanted moment.
const ATTEMPTS: u32 = 20;
/// How the name of the directory of a rebuild begins.
const REBUILD: &str = ".etcd-image.rebuild.";
const CHANGED: [&str; 4] = ["--nodes", "3", "--config", "hosts.toml"];

/// Waits until the directory of a rebuild has something with this in its path, or the program has ended.
fn await_rebuild(scene: &Scene, child: &mut Child, part: &str) {
    let is_there = || {
        let mut all = scene.names("").into_iter().chain(scene.folders());
        all.any(|path| path.contains(REBUILD) && path.contains(part))
    };
    while !is_there() && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(1));
    }
}

/// Returns how long a program takes.
fn whole(mut child: Child) -> Duration {
    let begun = Instant::now();
    assert!(child.wait().unwrap().success());
    begun.elapsed()
}

/// Returns files that only an incomplete build has.
fn left_overs(scene: &Scene) -> Vec<String> {
    let mut names = scene.names("");
    names.extend(scene.folders());
    names.retain(|name| name.contains(".partial") || name.contains(REBUILD));
    names
}

#[test]
fn an_interrupted_build_leaves_the_old_images_or_the_new_ones() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "3"]);
    let watch = Watch::default();
    let old = watch.digests(&scene);
    scene.file("hosts.toml", "[hosts]\n\"192.168.0.9\" = [\"printer\"]\n");
    let elsewhere = [&CHANGED[..], &["--out", "wanted"]].concat();
    let whole = whole(scene.start_heard("build", &elsewhere));
    let mut codes = Vec::new();
    for moment in 0..MOMENTS {
        let before = watch.digests(&scene);
        let child = scene.start_heard("build", &CHANGED);
        let (code, said) = interrupted(child, whole * moment / MOMENTS);
        codes.push(code);
        let found = watch.digests(&scene);
        match code {
            // Before the build begins, nothing is to be cleaned up.
            None => assert_eq!(found, before),
            Some(130) => assert!(said.ends_with(SAID), "{said}"),
            code => assert_eq!((code, found != old), (Some(0), true), "{said}"),
        }
        let is_new = found.iter().zip(&old).all(|(found, old)| found != old);
        assert!(
            found == old || is_new,
            "some images are old and some are new"
        );
        assert_eq!(left_overs(&scene), Vec::<String>::new());
        scene.bare(&["verify", "images"]).done();
    }
    assert!(codes.contains(&Some(130)), "{codes:?}");
}

#[test]
fn an_interrupted_compression_leaves_no_part_of_an_image() {
    let scene = Scene::with("raspios-trixie").at_time(1_795_000_000);
    let options = ["--nodes", "1", "--format", "img.gz"];
    let elsewhere = [&options[..], &["--out", "wanted"]].concat();
    let whole = whole(scene.start_heard("build", &elsewhere));
    let wanted = digest(&scene.at("wanted/etcd1.img.gz"));
    let mut codes = Vec::new();
    for moment in 1..MOMENTS {
        // Blocks in the cache, which an early end does not make, would leave nothing to compress.
        let _ = fs::remove_dir_all(scene.at("home/.cache"));
        let child = scene.start_heard("build", &options);
        let (code, said) = interrupted(child, whole * moment / MOMENTS);
        codes.push(code);
        assert!(code != Some(130) || said.ends_with(SAID), "{said}");
        let image = scene.at("images/etcd1.img.gz");
        assert!(!image.exists() || digest(&image) == wanted, "{code:?}");
        let mut names = scene.names("images");
        names.retain(|name| name.contains(".partial"));
        assert_eq!(names, [""; 0], "{code:?}");
    }
    assert!(codes.contains(&Some(130)), "{codes:?}");
}

#[test]
fn an_interrupted_rebuild_leaves_nothing() {
    // A shared build has no lock file.
    let scene = Scene::with("raspios-trixie");
    scene.build(&["--nodes", "3"]);
    let before = scene.snapshot("images");
    let verify = ["images", "--rebuild", "--nodes", "3"];
    // The last one is the end of the build: the files are compared and removed after it.
    for moment in ["", "etcd1.img", "etcd3.img", "SHA256SUMS"] {
        let is_interrupted = |_| {
            let mut child = scene.start_heard("verify", &verify);
            await_rebuild(&scene, &mut child, moment);
            let (code, said) = interrupted(child, Duration::ZERO);
            assert_eq!(left_overs(&scene), Vec::<String>::new());
            assert!(code == Some(0) || said.ends_with(SAID), "{said}");
            code == Some(130)
        };
        // It may end before the signal comes.
        assert!((0..ATTEMPTS).any(is_interrupted), "{moment}");
    }
    assert_eq!(scene.snapshot("images"), before);
}
