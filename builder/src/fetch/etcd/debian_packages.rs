//! etcd's packages of Debian trixie, from the cache or from Debian: beside a Debian base, or downloaded separately.
//!
//! `<key>.packages` lists one package per line: name, version, architecture, SHA-256. The packages of etcd lie beside it and
//! are compared with it on each use.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::digest::Digested;
use crate::failure::Kind;
use crate::fetch::cache::{Cache, CacheEntry};
use crate::fetch::verified::Pin;
use crate::fetch::{Options, age, debian, download};
use crate::lock::LockedEtcd;

/// The extensions in the cache.
pub(in crate::fetch) const PACKAGES: &str = "packages";
pub(in crate::fetch) const SERVER: &str = "etcd-server.deb";
pub(in crate::fetch) const CLIENT: &str = "etcd-client.deb";

/// A file with its name for reports and its digest, if one is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pinned {
    pub(super) path: PathBuf,
    pub(super) name: String,
    pub(super) pin: Pin,
}

/// Returns the server package, then the client package. If the cache has a Debian base, they are those downloaded with it;
/// otherwise they are downloaded separately. With a lock, only the locked packages are accepted.
pub(super) fn debian_packages(
    locked: Option<&LockedEtcd>,
    options: &Options<'_>,
) -> Result<[Pinned; 2]> {
    let inputs = debian::DebianInputs::new(options);
    let keys = [inputs.digest(), inputs.packages_digest()];
    let locked = locked.map(|locked| locked.packages.join("\n"));
    kept_or_downloaded(&keys, locked.as_deref(), options, |work_dir| {
        debian::download_packages(&inputs, work_dir)
    })
}

/// Returns whether the packages are those of a list of the lock.
fn is_locked(packages: &[Pinned; 2], locked: &str) -> bool {
    let found = packages.iter().map(|package| Some(package.pin.clone()));
    found.eq(NAMES.map(|(name, _)| pin(locked, name)))
}

/// The packages, with their extensions in the cache.
const NAMES: [(&str, &str); 2] = [("etcd-server", SERVER), ("etcd-client", CLIENT)];

/// Returns the packages of the first key that has them; otherwise keeps what `download` creates under the last key.
fn kept_or_downloaded(
    keys: &[String; 2],
    locked: Option<&str>,
    options: &Options<'_>,
    download: impl FnOnce(&Path) -> Result<()>,
) -> Result<[Pinned; 2]> {
    let cache = Cache::open(options.cache)?;
    let wanted = |packages: &[Pinned; 2]| locked.is_none_or(|locked| is_locked(packages, locked));
    for key in keys.iter().filter(|_| !options.refresh) {
        if !fs_err::exists(options.cache.join(format!("{key}.{PACKAGES}")))? {
            continue;
        }
        let packages = cached_packages(&cache.entry(key, options.progress)?, options)?;
        if let Some(packages) = packages.filter(wanted) {
            let list = options.cache.join(format!("{key}.{PACKAGES}"));
            age::report("the list of etcd's Debian packages", &list, options);
            return Ok(packages);
        }
    }
    if options.offline {
        return Err(download::offline("etcd's package of Debian trixie"));
    }
    let entry = cache.entry(&keys[1], options.progress)?;
    options
        .progress
        .note("downloading etcd's packages from Debian with apt");
    let packages = entry.in_work_folder(|work_dir| {
        download(work_dir)?;
        keep_packages(&entry, work_dir)
    })?;
    match wanted(&packages) {
        true => Ok(packages),
        false => Err(replaced(locked.unwrap_or_default())),
    }
}

/// Creates the error for locked packages that the mirror has replaced.
fn replaced(locked: &str) -> anyhow::Error {
    let names = locked.lines().filter_map(|line| line.rsplit_once(' '));
    let names: Vec<&str> = names.map(|(name, _sha256)| name).collect();
    let what = format!(
        "the mirror no longer has the locked packages of etcd: {}",
        names.join(", ")
    );
    let hint = "run `etcd-image update etcd`, or use a cache that has them with `--cache`";
    Kind::Verification.error(what, hint)
}

/// Returns the packages of this entry if only this user can have written their list and they still match it.
fn cached_packages(entry: &CacheEntry, options: &Options<'_>) -> Result<Option<[Pinned; 2]>> {
    if !entry.is_ours(PACKAGES)? {
        let folder = entry.folder().display();
        let note = format!(
            "other users can write to the cache directory {folder}: etcd's packages in it are not used"
        );
        options.progress.note(&note);
        return Ok(None);
    }
    let list = fs_err::read_to_string(entry.path(PACKAGES))?;
    let mut packages = Vec::new();
    for (name, ending) in NAMES {
        let path = entry.path(ending);
        let (Some(pin), true) = (pin(&list, name), fs_err::exists(&path)?) else {
            return Ok(None);
        };
        if let Err(error) = pin.check(&path.display().to_string(), &Digested::of_file(&path)?) {
            options.progress.note(&format!("{error:#}; it is ignored"));
            return Ok(None);
        }
        let name = ending.to_owned();
        packages.push(Pinned { path, name, pin });
    }
    Ok(packages.try_into().ok())
}

/// Returns the digest of that package in a list.
fn pin(list: &str, name: &str) -> Option<Pin> {
    let mut lines = list.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    lines.find_map(|words| match words[..] {
        [found, _version, _architecture, sha256] if found == name => Some(Pin::sha256(sha256)),
        _ => None,
    })
}

/// Moves the packages into the entry. The list comes last, because it makes them valid.
fn keep_packages(entry: &CacheEntry, work_dir: &Path) -> Result<[Pinned; 2]> {
    let mut lines = Vec::new();
    let mut keep_one = |name: &str, ending: &str| {
        let made = work_dir.join(ending);
        let sha256 = Digested::of_file(&made)?.sha256;
        lines.push(format!("{name} - arm64 {sha256}\n"));
        anyhow::Ok(Pinned {
            path: entry.adopt(&made, ending)?,
            name: ending.to_owned(),
            pin: Pin::sha256(&sha256),
        })
    };
    let packages = [
        keep_one("etcd-server", SERVER)?,
        keep_one("etcd-client", CLIENT)?,
    ];
    entry.write(PACKAGES, &lines.concat())?;
    Ok(packages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::tests::scene::{Scene, failure, sha256};

    fn keys() -> [String; 2] {
        ["b".repeat(64), "e".repeat(64)]
    }

    fn two(work_dir: &Path) -> Result<()> {
        fs_err::write(work_dir.join(SERVER), "server")?;
        fs_err::write(work_dir.join(CLIENT), "client")?;
        Ok(())
    }

    fn never(_: &Path) -> Result<()> {
        panic!("nothing is to be downloaded")
    }

    #[test]
    fn packages_come_alone_and_are_kept() {
        let scene = Scene::new();
        let fetched = kept_or_downloaded(&keys(), None, &scene.options(), two).unwrap();
        assert_eq!(fetched[0].pin, Pin::sha256(&sha256(b"server")));
        assert_eq!(fs_err::read(&fetched[1].path).unwrap(), b"client");
        assert_eq!(scene.cached(".img").len(), 0, "no base is made");
        let again = kept_or_downloaded(&keys(), None, &scene.options(), never).unwrap();
        assert_eq!(again, fetched);
    }

    #[test]
    fn those_of_a_base_that_was_made_are_used() {
        let scene = Scene::new();
        let entry = Cache::open(&scene.cache).unwrap();
        let entry = entry.entry(&keys()[0], &crate::progress::Silent).unwrap();
        two(scene.dir.path()).unwrap();
        keep_packages(&entry, scene.dir.path()).unwrap();
        drop(entry);
        let packages = kept_or_downloaded(&keys(), None, &scene.options(), never).unwrap();
        assert!(
            packages[0]
                .path
                .ends_with(format!("{}.{SERVER}", keys()[0]))
        );
    }

    #[test]
    fn a_changed_package_is_downloaded_anew_and_refused_offline() {
        let mut scene = Scene::new();
        let fetched = kept_or_downloaded(&keys(), None, &scene.options(), two).unwrap();
        fs_err::write(&fetched[0].path, "forged").unwrap();
        scene.offline = true;
        let refused = failure(kept_or_downloaded(&keys(), None, &scene.options(), never));
        let expected = "etcd's package of Debian trixie is not in the cache, and `--offline` prevents a download";
        assert_eq!(refused, (Kind::Storage, expected.to_owned()));
        scene.offline = false;
        let fetched = kept_or_downloaded(&keys(), None, &scene.options(), two).unwrap();
        assert_eq!(fs_err::read(&fetched[0].path).unwrap(), b"server");
    }
}
