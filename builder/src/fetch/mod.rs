//! Fetches the inputs of a build: a base image and etcd's programs, each with a checked digest.
//!
//! Every source passes through the same four steps:
//!
//! ```text
//!           resolve                get                   verify                unpack
//! base      recipe, signed list ─▶ download (http)    ─▶ SHA-256, size      ─▶ image in the cache ─▶ Verified
//! local     path                ─▶                       .sha256 beside it  ─▶ image in the cache ─▶ Verified
//! debian    recipe, mirror      ─▶ make (mmdebstrap)  ─▶ (apt: signatures)  ─▶ image in the cache ─▶ Verified
//! etcd      pins, SHA256SUMS    ─▶ download, apt      ─▶ SHA-256            ─▶ archive            ─▶ EtcdBinaries
//! ```
//! Only `http` opens sockets. Only `cache` and `debian` create files, in the cache directory.

// Sources
mod debian;
mod etcd;
mod local;
mod make;

// Resolve
mod signed;
mod sums;

// Get
mod download;
mod headers;
mod http;
mod paced;
mod partial;
mod policy;

// Verify
mod digest;
mod elf;
mod verified;

// Unpack
mod decode;
mod gzip;
mod image;
mod opened;
mod pump;
mod sparse;
mod unpack;
mod xz;
mod zipped;

// Keep
mod age;
mod blocks;
mod cache;
mod owner;
mod record;

pub(crate) use blocks::{BlockStore, ContentDigest};
pub use etcd::EtcdBinaries;
pub(crate) use opened::OpenedImage;
pub use policy::Policy;
pub use verified::Verified;

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::failure::{self, Kind};
use crate::progress::Progress;
use crate::recipe::{Download, Recipe, Source, Voucher};
use crate::spec::EtcdSource;
use cache::Cache;
use signed::Listed;
use verified::{Pin, Promise};

/// Where to keep what is fetched, and how to get it.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The cache directory, created if it does not exist.
    pub cache: &'a Path,
    /// The user's directory of recipes (`--recipes`), for etcd's releases.
    pub recipes: Option<&'a Path>,
    /// Address of the Debian mirror (`--mirror`), for bases that are made and for etcd's packages.
    pub mirror: Option<&'a str>,
    /// Whether to use the cache alone and fail if something is missing there.
    pub offline: bool,
    /// Number of decoding threads.
    pub jobs: usize,
    /// The current time in seconds since 1970: signatures expire, and old files are reported.
    pub clock: i64,
    /// How often a download is attempted, and for how long.
    pub policy: Policy,
    /// Where long steps are shown.
    pub progress: &'a dyn Progress,
}

/// Returns the base image of a recipe.
pub fn base(recipe: &Recipe, options: &Options<'_>) -> Result<Verified> {
    let verified = match &recipe.source {
        Source::Download(download) => published(download, options),
        Source::Debian => make::debian(options),
    };
    verified.with_context(|| format!("fetching the base {}", recipe.name))
}

/// Returns the base image of the recipe `debian-trixie` if the cache has it.
pub fn made_debian(options: &Options<'_>) -> Result<Option<Verified>> {
    make::cached_debian(options)
}

/// Returns a local image, raw or compressed with xz, zstd or gzip. Its first bytes decide, not its name.
pub fn local(path: &Path, options: &Options<'_>) -> Result<Verified> {
    local::local(path, options)
}

/// Returns etcd's programs. The state directory may contain digests that an earlier build learned.
pub fn etcd(source: &EtcdSource, options: &Options<'_>, state: &Path) -> Result<EtcdBinaries> {
    etcd::etcd(source, options, state)
}

/// Returns the digests of etcd releases that a state directory contains, as text, if it has any.
pub(crate) fn etcd_pins(state: &Path) -> Result<Option<String>> {
    etcd::pins(state)
}

fn published(download: &Download, options: &Options<'_>) -> Result<Verified> {
    let Listed { url, sha256 } = match &download.voucher {
        Voucher::Sha256(sha256) => Listed {
            url: download.url.clone(),
            sha256: sha256.clone(),
        },
        Voucher::Signed(list) => signed::resolve(&download.url, list, options)?,
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
    if let Some(verified) = image::cached(&entry, &url, &promise, options)? {
        return Ok(verified);
    }
    let urls = std::slice::from_ref(&url);
    let packed = download::download(&entry, urls, &promise.packed, options)?;
    let verified = image::unpacked(&entry, &packed, &url, &promise, options);
    // The download is kept only after a storage error, for the next attempt; wrong bytes are never kept.
    if !verified
        .as_ref()
        .is_err_and(|error| is(error, Kind::Storage))
    {
        partial::Partial::remove(&entry)?;
    }
    verified
}

fn is(error: &anyhow::Error, kind: Kind) -> bool {
    failure::explain(error).0 == kind
}

#[cfg(test)]
mod tests;
