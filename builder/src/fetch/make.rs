//! Bases that are made on this machine and cached under the digest of their inputs.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::cache::{Cache, CacheEntry};
use super::debian;
use super::download;
use super::etcd::debian_packages::{CLIENT, PACKAGES, SERVER};
use super::image;
use super::verified::{Promise, Verified};
use super::{Options, age};

/// Returns the image with this digest of everything that determines it; `source` describes it in reports. Unless the cache has
/// it, `make` makes it in an empty directory that is removed afterwards; it may keep other files in the cache entry.
pub(super) fn made(
    digest: &str,
    source: &str,
    options: &Options<'_>,
    make: impl FnOnce(&CacheEntry, &Path) -> Result<PathBuf>,
) -> Result<Verified> {
    let entry = Cache::open(options.cache)?.entry(digest, options.progress)?;
    if let Some(verified) = image::cached(&entry, source, &Promise::default(), options)? {
        age::report("the base made on this machine", verified.path(), options);
        return Ok(verified);
    }
    if options.offline {
        return Err(download::offline(source));
    }
    entry.in_work_folder(|work_dir| {
        let path = make(&entry, work_dir)?;
        image::adopted(&entry, &path, source, options)
    })
}

/// Returns the `debian-trixie` base, making it with mmdebstrap unless the cache has it.
pub(super) fn debian(options: &Options<'_>) -> Result<Verified> {
    let inputs = debian::Inputs::new(options);
    made(&inputs.digest(), DEBIAN, options, |entry, work_dir| {
        let image = debian::make(&inputs, work_dir, &|line| options.progress.note(line))?;
        for ending in [SERVER, CLIENT] {
            entry.adopt(&work_dir.join(ending), ending)?;
        }
        entry.adopt(&work_dir.join("debian-trixie.packages"), PACKAGES)?;
        Ok(image)
    })
}

/// Returns the `debian-trixie` base if the cache has it, without making anything.
pub(super) fn cached_debian(options: &Options<'_>) -> Result<Option<Verified>> {
    let digest = debian::Inputs::new(options).digest();
    if !image::is_cached(options.cache, &digest) {
        return Ok(None);
    }
    let entry = Cache::open(options.cache)?.entry(&digest, options.progress)?;
    image::cached(&entry, DEBIAN, &Promise::default(), options)
}

const DEBIAN: &str = "Debian's packages, by mmdebstrap";
