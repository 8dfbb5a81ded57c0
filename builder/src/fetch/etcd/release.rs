//! Downloads a release of etcd and checks it against a digest: a pinned one, one learned before, or, the first time a version
//! is used, the one in its `SHA256SUMS`.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::archive::{self, ArchiveLayout};
use super::pins::{self, Pins};
use super::programs::FoundPrograms;
use super::{unpacked, version};
use crate::digest::Digested;
use crate::failure::Kind;
use crate::fetch::Options;
use crate::fetch::cache::{Cache, CacheEntry};
use crate::fetch::decode::Decoder;
use crate::fetch::download::{self, first};
use crate::fetch::http::Http;
use crate::fetch::partial::Partial;
use crate::fetch::sums::listed_digest;
use crate::fetch::verified::Pin;
use crate::file::if_exists;
use crate::lock::LockedEtcd;
use crate::recipe::{self, EtcdReleases};

/// The extension of tarballs in the cache.
const TARBALL: &str = "tar.gz";

/// The largest size of a `SHA256SUMS`, which has some twenty lines.
pub(super) const SUMS_LIMIT: u64 = 1 << 20;

/// The next step if two sources have different digests of a release.
pub(super) const PUBLISHED: &str = "do not use it; compare with SHA256SUMS of the release at https://github.com/etcd-io/etcd/releases";

/// Returns the programs of that version.
pub(super) fn release(version: &str, options: &Options<'_>, state: &Path) -> Result<FoundPrograms> {
    let version = checked(version)?;
    let releases = recipe::etcd(options.recipes)?;
    let get = |sha256: &str| with_digest(version, sha256, &releases, options);
    if let Some(sha256) = releases.sha256.get(version) {
        return get(sha256).context("comparing with the digest pinned in recipes/etcd.toml");
    }
    let (kept, cached) = (Pins::read(state)?, Pins::cached(options.cache)?);
    let pinned = |pins: &Pins| {
        let context = || {
            let path = pins.path().display();
            format!("comparing with the digest recorded in {path}")
        };
        let sha256 = pins.get(version)?;
        Some(get(sha256).with_context(context))
    };
    if let Some(found) = pinned(&kept) {
        return found;
    }
    let found = if let Some(found) = pinned(&cached) {
        found?
    } else {
        let found = get(&published_digest(version, &releases, options)?)?;
        pins::remember(version, &found.sha256, options)?;
        found
    };
    Ok(FoundPrograms {
        learned: Some(kept.with(version, &found.sha256)?),
        ..found
    })
}

/// Returns the programs of the locked release.
pub(super) fn locked(locked: &LockedEtcd, options: &Options<'_>) -> Result<FoundPrograms> {
    let version = checked(&locked.version)?;
    let releases = recipe::etcd(options.recipes)?;
    if let Some(pinned) = releases
        .sha256
        .get(version)
        .filter(|it| **it != locked.sha256)
    {
        let found = &locked.sha256;
        let what = format!(
            "the lock has the SHA-256 {found} of etcd {version}, recipes/etcd.toml has {pinned}"
        );
        return Err(Kind::Verification.error(what, PUBLISHED));
    }
    with_digest(version, &locked.sha256, &releases, options).context("comparing with the lock file")
}

/// Checks a version, which becomes part of addresses, for characters that no version contains.
fn checked(version: &str) -> Result<&str> {
    let version = version.strip_prefix('v').unwrap_or(version);
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'+');
    if version::series(version).is_some() && version.bytes().all(sound) {
        return Ok(version);
    }
    let what = format!("`{version}` is neither a version of etcd nor an existing path");
    Err(Kind::Usage.error(
        what,
        "give a version such as `3.6.14`, a release tarball, `.deb` packages or a directory",
    ))
}

/// Returns the digest in the release's own `SHA256SUMS`.
fn published_digest(
    version: &str,
    releases: &EtcdReleases,
    options: &Options<'_>,
) -> Result<String> {
    if options.offline {
        let what =
            format!("the digest of etcd {version} is unknown, and `--offline` prevents a download");
        return Err(Kind::Storage.error(what, known(releases)));
    }
    let http = Http::new(options.policy, options.progress)?;
    let tarball = releases.tarball(version);
    let urls: Vec<String> = releases.urls(version, "SHA256SUMS").collect();
    first(&urls, options, |url| {
        let list = http.text(url, SUMS_LIMIT)?;
        listed_digest(&list, &tarball)
            .map(str::to_owned)
            .ok_or_else(|| {
                let what = format!("{url} has no SHA-256 for {tarball}");
                Kind::Verification.error(what, known(releases))
            })
    })
}

fn known(releases: &EtcdReleases) -> String {
    let versions: Vec<&str> = releases.sha256.keys().map(String::as_str).collect();
    format!("versions known in advance: {}", versions.join(", "))
}

fn with_digest(
    version: &str,
    sha256: &str,
    releases: &EtcdReleases,
    options: &Options<'_>,
) -> Result<FoundPrograms> {
    let urls: Vec<String> = releases.urls(version, &releases.tarball(version)).collect();
    let source = urls.first().cloned().unwrap_or_default();
    let entry = Cache::open(options.cache)?.entry(sha256, options.progress)?;
    let pin = Pin::sha256(sha256);
    let bytes = if let Some(bytes) = cached(&entry, &pin, options)? {
        bytes
    } else {
        let part = download::download(&entry, &urls, &pin, options)?;
        entry.adopt(&part, TARBALL)?;
        Partial::remove(&entry)?;
        cached(&entry, &pin, options)?.unwrap_or_default()
    };
    let unpack = || {
        archive::unpack(
            Decoder::new(&bytes[..], 1)?,
            ArchiveLayout::Release,
            &source,
        )
    };
    Ok(FoundPrograms {
        programs: unpacked::kept(&entry, unpack)?.programs,
        version: Some(version.to_owned()),
        source,
        sha256: sha256.to_owned(),
        ..FoundPrograms::default()
    })
}

/// Returns the tarball in the cache if it exists and matches. It is small enough to be hashed every time.
fn cached(entry: &CacheEntry, pin: &Pin, options: &Options<'_>) -> Result<Option<Vec<u8>>> {
    let path = entry.path(TARBALL);
    let Some(bytes) = if_exists(fs_err::read(&path))? else {
        return Ok(None);
    };
    let seen = Digested::of(&bytes);
    match pin.check(&path.display().to_string(), &seen) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if options.offline => Err(error),
        Err(error) => {
            options
                .progress
                .note(&format!("{error:#}; it is downloaded again"));
            entry.remove(TARBALL)?;
            Ok(None)
        }
    }
}
