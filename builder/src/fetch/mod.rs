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
//! Only `http` opens sockets. Only `cache` and `debian` create files, in the cache directory, and `unnamed` files without a name.

// Sources
mod debian;
mod etcd;
mod local;
mod make;

// Resolve
mod resolve;
mod signed;
mod sums;

// Get
mod download;
mod follow;
mod headers;
mod http;
mod paced;
mod partial;
mod policy;
mod published;
mod shared;

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

// Archives of the user
mod archive_tree;
mod archives;

// Keep
mod age;
mod blocks;
mod cache;
mod contents;
mod owner;
mod record;
mod unnamed;

pub use crate::cache_item::CacheItem;
pub use archive_tree::{ArchiveEntry, ArchiveKind};
pub use archives::UnpackedArchive;
pub(crate) use archives::archive;
pub(crate) use blocks::{BlockCache, ContentDigest};
pub use contents::{contents, prune};
pub use etcd::{EtcdBinaries, etcd, newest as newest_etcd};
pub(crate) use etcd::{InstalledOrigin, installed, pins as etcd_pins};
pub use make::cached_debian as made_debian;
pub(crate) use opened::OpenedImage;
pub use policy::Policy;
pub use verified::Verified;

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::failure::{self, Kind};
use crate::lock::LockedBase;
use crate::progress::Progress;
use crate::recipe::{BaseSource, Recipe};
use crate::store::SharedCache;

/// Where to keep what is fetched, and how to get it.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The cache directory, created if it does not exist.
    pub cache: &'a Path,
    /// The user's directory of recipes (`--recipes`), for etcd's releases.
    pub recipes: Option<&'a Path>,
    /// Address of the Debian mirror (`--mirror`), for bases that are made and for etcd's packages.
    pub mirror: Option<&'a str>,
    /// What a base that is made contains in addition: names of packages, and of a locale such as `en_GB.UTF-8`.
    pub additions: &'a [String],
    /// Whether to use the cache alone and fail if something is missing there.
    pub offline: bool,
    /// Whether to ask again for signed lists and Debian's packages although the cache has them.
    pub refresh: bool,
    /// Number of decoding threads.
    pub jobs: usize,
    /// The current time in seconds since 1970: signatures expire, and old files are reported.
    pub clock: i64,
    /// How often a download is attempted, and for how long.
    pub policy: Policy,
    /// The cache that several machines share, for downloads whose digest is known.
    pub shared: Option<&'a SharedCache>,
    /// Where long steps are shown.
    pub progress: &'a dyn Progress,
}

impl<'a> Options<'a> {
    /// Returns the options for reading what a cache contains. No connection is opened.
    pub fn offline(cache: &'a Path, clock: i64, progress: &'a dyn Progress) -> Self {
        Self {
            cache,
            recipes: None,
            mirror: None,
            additions: &[],
            offline: true,
            refresh: false,
            jobs: 1,
            clock,
            policy: Policy::default(),
            shared: None,
            progress,
        }
    }
}

/// Returns the base image of a recipe and the record of what exactly it is: the locked one, or else the newest.
pub fn base(
    recipe: &Recipe,
    locked: Option<&LockedBase>,
    options: &Options<'_>,
) -> Result<(Verified, LockedBase)> {
    let name = &recipe.name;
    let fetched = match &recipe.source {
        BaseSource::Download(download) => published::base(name, download, locked, options),
        BaseSource::Debian => make::debian(name, locked, options),
    };
    fetched.with_context(|| format!("fetching the base {name}"))
}

/// Returns a local image, raw or compressed with xz, zstd or gzip, and the record of what exactly it is. Its first bytes
/// decide, not its name.
pub fn local(path: &Path, options: &Options<'_>) -> Result<(Verified, LockedBase)> {
    let verified = local::local(path, options)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let record = LockedBase {
        file: Some(name.into_owned()),
        ..verified.record()
    };
    Ok((verified, record))
}

fn is(error: &anyhow::Error, kind: Kind) -> bool {
    failure::explain(error).0 == kind
}

#[cfg(test)]
mod tests;
