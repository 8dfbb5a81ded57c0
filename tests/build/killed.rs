//! Kills builds at many moments; every image must be the old or the new one, and the next build must succeed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::thread::sleep;
use std::time::Instant;

use crate::support::fixture::digest;
use crate::support::scene::Scene;

const NAMES: [&str; 3] = ["etcd1", "etcd2", "etcd3"];
/// The number of moments at which a build is killed.
const MOMENTS: u32 = 20;

/// Digests of a scene's images; an image that has not changed is not read again.
#[derive(Default)]
pub(super) struct Watch(RefCell<BTreeMap<(u64, i64, i64), String>>);

impl Watch {
    pub(super) fn digests(&self, scene: &Scene) -> [Option<String>; 3] {
        NAMES.map(|name| {
            let path = scene.image_path(name);
            let meta = fs::metadata(&path).ok()?;
            let key = (meta.ino(), meta.mtime(), meta.mtime_nsec());
            Some(
                self.0
                    .borrow_mut()
                    .entry(key)
                    .or_insert_with(|| digest(&path))
                    .clone(),
            )
        })
    }
}

/// Kills one build after another, at moments spread evenly over the time of a complete build.
fn kill_at_every_moment(scene: &Scene, options: &[&str], check: impl Fn()) {
    let begun = Instant::now();
    scene
        .start(&[options, &["--out", "unharmed"]].concat())
        .wait()
        .unwrap();
    let whole = begun.elapsed();
    for moment in 0..MOMENTS {
        let mut child = scene.start(options);
        sleep(whole * moment / MOMENTS);
        child.kill().unwrap();
        child.wait().unwrap();
        check();
    }
}

#[test]
fn a_killed_first_build_leaves_no_half_image() {
    let scene = Scene::with("raspios-trixie");
    scene.build(&["--nodes", "3", "--out", "wanted"]);
    let wanted = NAMES.map(|name| digest(&scene.at(&format!("wanted/{name}.img"))));
    let watch = Watch::default();
    kill_at_every_moment(&scene, &["--nodes", "3"], || {
        for (found, wanted) in watch.digests(&scene).iter().zip(&wanted) {
            assert!(
                found.as_ref().is_none_or(|found| found == wanted),
                "a half-written image"
            );
        }
    });
    scene.build(&["--nodes", "3"]);
    assert_eq!(watch.digests(&scene), wanted.map(Some));
    let left = scene.names("images");
    assert!(
        !left.iter().any(|path| path.ends_with(".partial")),
        "{left:?}"
    );
}

#[test]
fn a_killed_rebuild_leaves_the_old_image_or_the_new_one() {
    let scene = Scene::with("raspios-trixie");
    scene.build(&["--nodes", "3"]);
    let watch = Watch::default();
    let old = watch.digests(&scene);
    scene.file("hosts.toml", "[hosts]\n\"192.168.0.9\" = [\"printer\"]\n");
    let changed = ["--nodes", "3", "--config", "hosts.toml"];
    scene.build(&[&changed[..], &["--out", "wanted"]].concat());
    let new = NAMES.map(|name| Some(digest(&scene.at(&format!("wanted/{name}.img")))));
    assert!(
        old.iter().zip(&new).all(|(old, new)| old != new),
        "the change must be seen in every image"
    );
    kill_at_every_moment(&scene, &changed, || {
        for ((found, old), new) in watch.digests(&scene).iter().zip(&old).zip(&new) {
            assert!(
                found == old || found == new,
                "neither the old image nor the new one"
            );
        }
    });
}
