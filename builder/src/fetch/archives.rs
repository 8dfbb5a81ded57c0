//! Gets the archives that the user adds to the nodes, and unpacks them in memory.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::archive_tree::{self, ArchiveEntry, ArchiveKind};
use super::cache::{Cache, CacheEntry};
use super::partial::Partial;
use super::verified::Pin;
use super::{Options, download};
use crate::count::count;
use crate::digest::Digested;
use crate::failure::Kind;
use crate::file::if_exists;
use crate::spec::{Archive, ArchiveSource};

/// The extension of archives in the cache.
const ARCHIVE: &str = "archive";

/// The largest archive of this machine that is read.
const LARGEST: u64 = 4 << 30;

/// An archive and its content.
#[derive(Debug)]
pub struct UnpackedArchive {
    /// The SHA-256 of the archive in lower-case hexadecimal.
    pub sha256: String,
    /// Its files, directories and links, sorted by path.
    pub entries: Vec<ArchiveEntry>,
}

impl UnpackedArchive {
    /// Returns whether everybody on a node may read every file.
    pub(crate) fn is_public(&self) -> bool {
        let is_private = |entry: &ArchiveEntry| {
            matches!(entry.kind, ArchiveKind::File(_)) && entry.mode & 0o004 == 0
        };
        !self.entries.iter().any(is_private)
    }
}

/// Returns the content of an archive that the user adds to the nodes.
pub(crate) fn archive(wanted: &Archive, options: &Options<'_>) -> Result<UnpackedArchive> {
    let (name, bytes, sha256) = match (&wanted.source, &wanted.sha256) {
        (ArchiveSource::Url(url), Some(sha256)) => {
            let bytes = downloaded(url, sha256, options)?;
            (url.clone(), bytes, sha256.clone())
        }
        (ArchiveSource::Url(url), None) => {
            return Err(Kind::Usage.error(
                format!("{}: no digest of {url} is known", wanted.origin),
                "give its `sha256`",
            ));
        }
        (ArchiveSource::Path(path), sha256) => {
            let (name, bytes) = (path.display().to_string(), of_this_machine(path)?);
            let seen = Digested::of(&bytes);
            if let Some(sha256) = sha256 {
                Pin::sha256(sha256).check(&name, &seen)?;
            }
            (name, bytes, seen.sha256)
        }
    };
    let entries = archive_tree::unpack(&bytes, wanted.strip, &name)?;
    if entries.is_empty() {
        let (what, hint) = match wanted.strip {
            0 => ("is empty".to_owned(), "name another archive"),
            strip => (
                format!(
                    "contains nothing below {}",
                    count(strip as usize, "directory")
                ),
                "lower `strip`",
            ),
        };
        return Err(Kind::Usage.error(format!("{}: {name} {what}", wanted.origin), hint));
    }
    Ok(UnpackedArchive { sha256, entries })
}

fn of_this_machine(path: &Path) -> Result<Vec<u8>> {
    let context = || {
        Kind::Usage.context(
            format!("reading the archive {}", path.display()),
            "correct `source` in [[archive]]",
        )
    };
    let metadata = fs_err::metadata(path).with_context(context)?;
    if !metadata.is_file() {
        return Err(Kind::Usage.error(
            format!("reading the archive {}: it is not a file", path.display()),
            "correct `source` in [[archive]]",
        ));
    }
    if metadata.len() > LARGEST {
        return Err(Kind::Usage.error(
            format!("{} is larger than 4 GiB", path.display()),
            "add only what the nodes need",
        ));
    }
    fs_err::read(path).with_context(context)
}

fn downloaded(url: &str, sha256: &str, options: &Options<'_>) -> Result<Vec<u8>> {
    let entry = Cache::open(options.cache)?.entry(sha256, options.progress)?;
    let pin = Pin::sha256(sha256);
    if let Some(bytes) = cached(&entry, &pin)? {
        return Ok(bytes);
    }
    let urls = [url.to_owned()];
    let part = download::download(&entry, &urls, &pin, options)?;
    entry.adopt(&part, ARCHIVE)?;
    Partial::remove(&entry)?;
    Ok(cached(&entry, &pin)?.unwrap_or_default())
}

/// Returns the archive in the cache if it exists and matches.
fn cached(entry: &CacheEntry, pin: &Pin) -> Result<Option<Vec<u8>>> {
    let path = entry.path(ARCHIVE);
    let Some(bytes) = if_exists(fs_err::read(&path))? else {
        return Ok(None);
    };
    let seen = Digested::of(&bytes);
    if pin.check(&path.display().to_string(), &seen).is_ok() {
        return Ok(Some(bytes));
    }
    entry.remove(ARCHIVE)?;
    Ok(None)
}
