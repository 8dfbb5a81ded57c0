//! Bases that are made on this machine and cached under the digest of their inputs.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::cache::{Cache, CacheEntry};
use super::debian;
use super::download;
use super::etcd::debian_packages::{CLIENT, PACKAGES, SERVER};
use super::image;
use super::verified::{ExpectedDigests, Pin, Verified};
use super::{Options, age};
use crate::date;
use crate::failure::Kind;
use crate::hex;
use crate::lock::LockedBase;

/// Returns the image with this digest of everything that determines it; `source` describes it in reports. Unless the cache has
/// it, `make` makes it in an empty directory that is removed afterwards; it may keep other files in the cache entry.
pub(super) fn made(
    digest: &str,
    source: &str,
    options: &Options<'_>,
    make: impl FnOnce(&CacheEntry, &Path) -> Result<PathBuf>,
) -> Result<Verified> {
    let entry = Cache::open(options.cache)?.entry(digest, options.progress)?;
    if !options.refresh
        && let Some(verified) = image::cached(&entry, source, &ExpectedDigests::default(), options)?
    {
        age::report("the base made on this machine", verified.path(), options);
        return Ok(verified);
    }
    if options.offline {
        return Err(download::offline("the base made on this machine"));
    }
    entry.in_work_folder(|work_dir| {
        let path = make(&entry, work_dir)?;
        image::adopted(&entry, &path, source, options)
    })
}

/// Returns the `debian-trixie` base: the locked one, or else the one that the cache has or that the mirror gives now.
pub(super) fn debian(
    recipe: &str,
    locked: Option<&LockedBase>,
    options: &Options<'_>,
) -> Result<(Verified, LockedBase)> {
    let inputs = debian::DebianInputs::new(options);
    if let Some(locked) = locked.filter(|locked| locked.url.is_none()) {
        return Ok((locked_debian(&inputs, locked, options)?, locked.clone()));
    }
    let key = inputs.digest();
    let verified = made(&key, DEBIAN, options, |entry, work_dir| {
        let image = debian::make(&inputs, work_dir, &|line| options.progress.note(line))?;
        keep_base(entry, work_dir, options)?;
        Ok(image)
    })?;
    let record = LockedBase {
        recipe: Some(recipe.to_owned()),
        mirror: LockedBase::named_mirror(options.mirror),
        added: options.additions.to_vec(),
        snapshot: debian::made_at(verified.file())?.map(date::time),
        packages: packages(options.cache, &key),
        ..verified.record()
    };
    Ok((verified, record))
}

/// Keeps what lies beside a new image: Debian's packages of etcd, and all packages under the digest of their list.
fn keep_base(entry: &CacheEntry, work_dir: &Path, options: &Options<'_>) -> Result<()> {
    for ending in [SERVER, CLIENT] {
        entry.adopt(&work_dir.join(ending), ending)?;
    }
    entry.adopt(&work_dir.join("debian-trixie.packages"), PACKAGES)?;
    let key = archive_key(&packages(options.cache, entry.key()));
    let archive = Cache::open(options.cache)?.entry(&key, options.progress)?;
    archive.adopt(&work_dir.join("debian-trixie.tar"), ARCHIVE)?;
    Ok(())
}

/// Returns the key of an archive of packages, and of the image that is made again from it.
fn archive_key(packages: &[String]) -> String {
    hex::sha256(format!(
        "etcd-image debian-trixie packages 1\n{}",
        packages.join("\n")
    ))
}

/// Returns the locked base: the one in the cache, or else the one that the kept packages give. The mirror is not asked.
fn locked_debian(
    inputs: &debian::DebianInputs,
    locked: &LockedBase,
    options: &Options<'_>,
) -> Result<Verified> {
    let expected = ExpectedDigests {
        raw: Pin::sha256(&locked.raw_sha256),
        ..ExpectedDigests::default()
    };
    let cache = Cache::open(options.cache)?;
    let archive_key = archive_key(&locked.packages);
    for key in [&inputs.digest(), &archive_key] {
        if image::may_have(options.cache, key, &locked.raw_sha256)? {
            let entry = cache.entry(key, options.progress)?;
            if let Some(verified) = image::cached(&entry, DEBIAN, &expected, options)? {
                age::report("the base made on this machine", verified.path(), options);
                return Ok(verified);
            }
        }
    }
    let entry = cache.entry(&archive_key, options.progress)?;
    let archive = entry.path(ARCHIVE);
    if !fs_err::exists(&archive)? || !entry.is_ours(ARCHIVE)? {
        return Err(missing_packages(
            locked,
            &packages(options.cache, &inputs.digest()),
        ));
    }
    options
        .progress
        .note("recreating the locked base from its packages in the cache");
    let verified = entry.in_work_folder(|work_dir| {
        let kept = (archive.as_path(), locked.packages.as_slice());
        let say = |line: &str| options.progress.note(line);
        let image = debian::make_again(inputs, work_dir, kept, &say)?;
        image::adopted(&entry, &image, DEBIAN, options)
    })?;
    if verified.raw_sha256() == locked.raw_sha256 {
        return Ok(verified);
    }
    let (found, wanted) = (verified.raw_sha256(), &locked.raw_sha256);
    let what =
        format!("the locked packages give a base with SHA-256 {found}, and the lock has {wanted}");
    let hint = "another version of etcd-image made the locked one: use that, or run `etcd-image update base`";
    Err(Kind::Verification.error(what, hint))
}

/// Returns the packages of a base in the cache, sorted; none if a base of an earlier version has no list.
fn packages(cache: &Path, key: &str) -> Vec<String> {
    let list = fs_err::read_to_string(cache.join(format!("{key}.{PACKAGES}")));
    let mut lines: Vec<String> = list
        .iter()
        .flat_map(|it| it.lines())
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines
}

/// Creates the error for a locked base that is not in the cache; names the packages of it that are missing there.
fn missing_packages(locked: &LockedBase, found: &[String]) -> anyhow::Error {
    let lines = locked.packages.iter().filter(|line| !found.contains(line));
    let names: Vec<&str> = lines
        .filter_map(|line| Some(line.rsplit_once(' ')?.0))
        .collect();
    let others = match names.len().saturating_sub(SHOWN) {
        0 => String::new(),
        others => format!(" and {others} more"),
    };
    let missing = match names.get(..SHOWN).unwrap_or(&names) {
        [] => "its packages were not kept".to_owned(),
        shown => format!("the cache lacks {}{others}", shown.join(", ")),
    };
    let digest = &locked.raw_sha256;
    let what = format!("the locked base with SHA-256 {digest} is not in the cache: {missing}");
    let hint = "use a cache that has it with `--cache`, or run `etcd-image update base`";
    Kind::Storage.error(what, hint)
}

/// Returns the `debian-trixie` base if the cache has it, without making anything.
pub fn cached_debian(options: &Options<'_>) -> Result<Option<Verified>> {
    let digest = debian::DebianInputs::new(options).digest();
    if !image::is_cached(options.cache, &digest)? {
        return Ok(None);
    }
    let entry = Cache::open(options.cache)?.entry(&digest, options.progress)?;
    image::cached(&entry, DEBIAN, &ExpectedDigests::default(), options)
}

/// The extension of an archive of packages.
const ARCHIVE: &str = "tar";
/// The number of packages that an error names.
const SHOWN: usize = 3;

const DEBIAN: &str = "Debian's packages, by mmdebstrap";
