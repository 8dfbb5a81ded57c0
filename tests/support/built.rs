//! Shares successful builds between tests: the first test that needs a build makes it under a lock, and all copy it.
//!
//! Builds are kept below `target/`, separately for each state of the program and of the fixtures.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::fixture::{cache, copy_sparse, hex};
use super::scene::{PROGRAM, Scene};

/// The age from which builds of another program are removed. No test run takes so long.
const STALE: Duration = Duration::from_hours(2);
/// What a build writes in a scene, and its configuration.
const WRITTEN: [&str; 4] = ["images", "etcd-cluster", "home/.cache", "cluster.toml"];
/// The marker of a complete build.
const COMPLETE: &str = "complete";
/// The copy of a whole scene.
const SCENE: &str = "scene";

/// Copies everything that this build writes, and `cluster.toml`, into a scene's directory.
pub(crate) fn copy(base: &str, configuration: &str, options: &[&str], to: &Path) {
    let key = format!("{base}\0{configuration}\0{}", options.join("\0"));
    let kept = kept(&key, |kept| {
        let scene = Scene::with(base);
        scene.file("cluster.toml", configuration);
        scene.build(options);
        for name in WRITTEN {
            copy_all(&scene.at(name), &kept.join(name));
        }
    });
    for name in WRITTEN {
        copy_all(&kept.join(name), &to.join(name));
    }
}

/// Lets `prepare` write into a scene's directory, or copies what it wrote for another test with this name.
pub(crate) fn prepare(name: &str, scene: &Scene, prepare: impl FnOnce(&Scene)) {
    let kept = kept(name, |kept| {
        prepare(scene);
        copy_all(&scene.at(""), &kept.join(SCENE));
    });
    copy_all(&kept.join(SCENE), &scene.at(""));
}

/// Returns the directory that `make` fills for the first test with this key.
fn kept(key: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let top = top();
    let kept = top.join(&hex(&Sha256::digest(key))[..16]);
    fs::create_dir_all(top).unwrap();
    let lock = File::create(kept.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    if !kept.join(COMPLETE).exists() {
        remove_stale(top);
        if kept.exists() {
            fs::remove_dir_all(&kept).unwrap();
        }
        make(&kept);
        File::create(kept.join(COMPLETE)).unwrap();
    }
    kept
}

/// Returns the directory for builds of this program on these fixtures today.
///
/// The linker writes a new file, so the inode, the size and the time identify the program; its digest would take longer than
/// many tests. The day keeps certificates young; for one test, it lasts.
fn top() -> &'static Path {
    static TOP: OnceLock<PathBuf> = OnceLock::new();
    TOP.get_or_init(current)
}

fn current() -> PathBuf {
    let program = fs::metadata(PROGRAM).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let identity = format!(
        "{} {} {}.{} {} {}",
        program.ino(),
        program.size(),
        program.mtime(),
        program.mtime_nsec(),
        now.as_secs() / 86_400,
        cache().display()
    );
    all().join(&hex(&Sha256::digest(identity))[..16])
}

fn all() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    target.join("built")
}

/// Removes the builds of earlier states of the program.
fn remove_stale(current: &Path) {
    let old = |path: &PathBuf| {
        let age = fs::metadata(path).and_then(|meta| meta.modified());
        path != current && age.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > STALE))
    };
    let entries = fs::read_dir(all()).into_iter().flatten();
    for path in entries.map(|entry| entry.unwrap().path()).filter(old) {
        // Another test may remove it at the same time.
        let _ = fs::remove_dir_all(path);
    }
}

/// Copies a file or a directory with everything below it, its permissions included; holes stay holes.
fn copy_all(from: &Path, to: &Path) {
    let metadata = fs::metadata(from).unwrap();
    if metadata.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy_all(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        copy_sparse(from, to);
    }
    fs::set_permissions(to, metadata.permissions()).unwrap();
}

#[test]
fn a_shared_build_is_what_the_program_built() {
    let [one, other] = [(); 2].map(|()| Scene::built("raspios-trixie", "", &["--nodes", "3"]));
    for scene in [&one, &other] {
        scene.bare(&["verify", "images"]).done();
    }
    let key = |scene: &Scene| {
        fs::metadata(scene.at("etcd-cluster/ca.key"))
            .unwrap()
            .mode()
            & 0o777
    };
    assert_eq!((key(&one), key(&other)), (0o600, 0o600));
    assert_eq!(one.snapshot("images"), other.snapshot("images"));
    // The state directory works: a build from it writes the same images.
    one.build(&["--nodes", "3", "--out", "again"]);
    assert_eq!(
        one.text("again/SHA256SUMS"),
        other.text("images/SHA256SUMS")
    );
    // What one test changes is not seen by another.
    fs::write(one.at("images/etcd1.img"), "changed").unwrap();
    let third = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    copy("raspios-trixie", "", &["--nodes", "3"], third.path());
    let sums = fs::read_to_string(third.path().join("images/SHA256SUMS")).unwrap();
    assert_eq!(sums, other.text("images/SHA256SUMS"));
}
