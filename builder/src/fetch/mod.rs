//! From a recipe, a path or a version to bytes whose digest was seen to be right.
//!
//! ```text
//! base   ─▶ signed ─▶ download ─▶ unpack ─┐
//! local  ───────────────────────▶ unpack ─┼─▶ image (cache) ─▶ Verified
//! debian ─▶ make ─────────────────────────┘
//! etcd   ─▶ pins ─▶ download ─▶ archive ─▶ EtcdBinaries
//! ```
//! Sockets are opened in `http` only, files created in `cache` only.

mod debian;
mod etcd;
mod make;

mod image;
mod local;

mod download;
mod headers;
mod http;
mod partial;
mod policy;

mod decode;
mod sparse;
mod unpack;
mod xz;

mod age;
mod cache;
mod digest;
mod owner;
mod record;
mod signed;
mod verified;
mod watched;

pub use etcd::EtcdBinaries;
pub use policy::Policy;
pub use verified::Verified;

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::failure::{Failure, Kind};
use crate::progress::Progress;
use crate::recipe::{Download, Recipe, Source, Voucher};
use crate::spec::EtcdSource;
use cache::Cache;
use verified::{Pin, Promise};

/// How to fetch.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The cache folder; made if needed.
    pub cache: &'a Path,
    /// The user's folder of recipes (`--recipes`), for etcd's releases.
    pub recipes: Option<&'a Path>,
    /// Address of the Debian mirror (`--mirror`) for bases that are made.
    pub mirror: Option<&'a str>,
    /// Use what is in the cache, or fail.
    pub offline: bool,
    /// Threads that decode.
    pub jobs: usize,
    /// Seconds since 1970 by the clock, for signatures that end.
    pub clock: i64,
    /// How patient downloads are.
    pub policy: Policy,
    /// Who is told about long steps.
    pub progress: &'a dyn Progress,
}

/// The base of a recipe.
pub fn base(recipe: &Recipe, options: &Options<'_>) -> Result<Verified> {
    let verified = match &recipe.source {
        Source::Download(download) => published(download, options),
        Source::Debian => make::made(&make::debian(options), options),
    };
    verified.with_context(|| format!("fetching the base {}", recipe.name))
}

/// The base of the recipe `debian-trixie`, if it has been made before.
pub fn made_debian(options: &Options<'_>) -> Result<Option<Verified>> {
    make::known(&make::debian(options), options)
}

/// A local image: raw, or compressed with xz, zstd or gzip, whatever its name.
pub fn local(path: &Path, options: &Options<'_>) -> Result<Verified> {
    local::local(path, options)
}

/// etcd's programs; the state folder is looked into for digests that were learned before.
pub fn etcd(source: &EtcdSource, options: &Options<'_>, state: &Path) -> Result<EtcdBinaries> {
    etcd::etcd(source, options, state)
}

fn published(download: &Download, options: &Options<'_>) -> Result<Verified> {
    let sha256 = match &download.voucher {
        Voucher::Sha256(sha256) => sha256.clone(),
        Voucher::Signed(list) => signed::digest(&download.url, list, options)?,
    };
    let promise = Promise {
        packed: Pin {
            sha256: Some(sha256.clone()),
            size: download.size,
        },
        raw: Pin {
            sha256: download.raw_sha256.clone(),
            size: download.raw_size,
        },
    };
    let entry = Cache::open(options.cache)?.entry(&sha256, options.progress)?;
    if let Some(verified) = image::cached(&entry, &download.url, &promise, options)? {
        return Ok(verified);
    }
    let urls = std::slice::from_ref(&download.url);
    let packed = download::download(&entry, urls, &promise.packed, options)?;
    let verified = image::unpacked(&entry, &packed, &download.url, &promise, options);
    // Kept only for the next attempt after a full disk: bytes that are not what they should be will not become it.
    if !verified
        .as_ref()
        .is_err_and(|error| is(error, Kind::Storage))
    {
        partial::Partial::remove(&entry)?;
    }
    verified
}

fn is(error: &anyhow::Error, kind: Kind) -> bool {
    error
        .downcast_ref::<Failure>()
        .is_some_and(|failure| failure.kind == kind)
}

#[cfg(test)]
mod tests;
