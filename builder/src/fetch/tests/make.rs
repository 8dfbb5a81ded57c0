//! Bases that are made on this machine, with a maker that is quick.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::scene::{CLOCK, Notes, Scene, failure, image, sha256};
use crate::failure::Kind;
use crate::fetch::cache::CacheEntry;
use crate::fetch::make::made;
use crate::fetch::{Options, Verified};

/// A maker of the test image that counts its calls and fails once none are left.
struct Fake {
    left: Cell<u32>,
}

impl Fake {
    fn made(&self, options: &Options<'_>) -> anyhow::Result<Verified> {
        made(
            &"d".repeat(64),
            "a made base",
            options,
            |entry, work_dir| self.make(entry, work_dir),
        )
    }

    fn make(&self, entry: &CacheEntry, work_dir: &Path) -> anyhow::Result<PathBuf> {
        assert_eq!(fs_err::read_dir(work_dir)?.count(), 0, "an empty directory");
        fs_err::write(work_dir.join("scratch"), "half")?;
        let left = self.left.get().checked_sub(1);
        self.left
            .set(left.ok_or_else(|| Kind::Storage.error("nothing left", "none"))?);
        fs_err::write(work_dir.join("base.img"), image())?;
        fs_err::write(work_dir.join("list"), "what went in")?;
        entry.adopt(&work_dir.join("list"), "packages")?;
        Ok(work_dir.join("base.img"))
    }
}

#[test]
fn made_once_and_found_afterwards() {
    let (scene, maker) = (Scene::new(), Fake { left: Cell::new(1) });
    for _ in 0..2 {
        let verified = maker.made(&scene.options()).unwrap();
        assert_eq!(verified.raw_sha256(), sha256(&image()));
        assert_eq!(verified.source(), "a made base");
        assert_eq!(
            verified.path(),
            scene.cache.join(format!("{}.img", "d".repeat(64)))
        );
    }
    assert_eq!(scene.cached(".tmp").len(), 0);
}

#[test]
fn damaged_base_is_made_anew() {
    let (scene, maker) = (Scene::new(), Fake { left: Cell::new(2) });
    let path = maker.made(&scene.options()).unwrap().path().to_owned();
    fs_err::write(&path, "damaged").unwrap();
    maker.made(&scene.options()).unwrap();
    assert_eq!(maker.left.get(), 0);
}

#[test]
fn failed_maker_leaves_nothing() {
    let (scene, maker) = (Scene::new(), Fake { left: Cell::new(0) });
    for _ in 0..2 {
        assert_eq!(
            failure(maker.made(&scene.options())),
            (Kind::Storage, "nothing left".into())
        );
        assert_eq!(scene.cached(".tmp").len() + scene.cached(".img").len(), 0);
    }
}

#[test]
fn offline_makes_nothing() {
    let (mut scene, maker) = (Scene::new(), Fake { left: Cell::new(1) });
    scene.offline = true;
    let reason =
        "the base made on this machine is not in the cache, and `--offline` prevents a download";
    assert_eq!(
        failure(maker.made(&scene.options())),
        (Kind::Storage, reason.into())
    );
    assert_eq!(maker.left.get(), 1);
}

#[test]
fn a_base_older_than_a_month_is_reported() {
    let (scene, maker) = (Scene::new(), Fake { left: Cell::new(1) });
    let notes = Notes::default();
    let options = Options {
        progress: &notes,
        ..scene.options()
    };
    let path = maker.made(&options).unwrap().path().to_owned();
    for (days, reported) in [(30, false), (31, true)] {
        let then = std::time::Duration::from_secs(u64::try_from(CLOCK - days * 86_400).unwrap());
        let file = fs_err::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + then).unwrap();
        let before = notes.lines().len();
        maker.made(&options).unwrap();
        let line = "note: the base made on this machine is 31 days old; `etcd-image update` looks for a newer one, and so does `--refresh`";
        let expected = if reported { vec![line] } else { Vec::new() };
        assert_eq!(notes.lines()[before..], expected);
    }
}
