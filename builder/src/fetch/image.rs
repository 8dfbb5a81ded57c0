//! A raw image in the cache: found there, or brought there.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Options;
use super::cache::{Entry, storage};
use super::digest::{DigestReader, Digested};
use super::record::{RECORD, Record, State};
use super::unpack::unpack;
use super::verified::{Pin, Promise, Seen, Verified};
use super::watched::Watched;
use crate::failure::{Failure, Kind};
use crate::progress::Progress;

/// Ending of the image; what is known about it is beside it.
const IMAGE: &str = "img";

/// The entry's image if it is there and what it should be; a damaged one is removed.
///
/// Offline, a damaged one is an error, for it cannot be replaced.
pub(super) fn cached(
    entry: &Entry,
    source: &str,
    promise: &Promise,
    options: &Options<'_>,
) -> Result<Option<Verified>> {
    let verdict = match recall(entry, promise, options) {
        Ok(None) => return discard(entry).map(|()| None),
        Ok(Some(seen)) => Verified::new(entry.path(IMAGE), source.to_owned(), promise, seen),
        Err(error) => Err(error),
    };
    match verdict {
        Ok(verified) => Ok(Some(verified)),
        Err(error) if options.offline => {
            Err(error.context("using the cached image, as --offline asks"))
        }
        Err(error) => {
            options
                .progress
                .note(&format!("{error:#}; the cached image is thrown away"));
            discard(entry).map(|()| None)
        }
    }
}

/// Whether an image of that key seems to be in the cache folder; [`cached`] finds out whether it is good.
pub(super) fn is_cached(cache: &Path, key: &str) -> bool {
    cache.join(format!("{key}.{IMAGE}")).exists()
}

/// Unpacks `packed` into the entry, where it is found from now on.
pub(super) fn unpacked(
    entry: &Entry,
    packed: &Path,
    source: &str,
    promise: &Promise,
    options: &Options<'_>,
) -> Result<Verified> {
    let target = entry.create(IMAGE)?;
    let seen = {
        let mut task = options.progress.task("unpacking", None);
        unpack(packed, &target, promise.raw.size, options.jobs, &mut *task)?
    };
    keep(entry, source, promise, seen, |entry| {
        entry.publish(target, IMAGE)
    })
}

/// Takes over an image that was made in the entry's work folder.
pub(super) fn adopted(
    entry: &Entry,
    made: &Path,
    source: &str,
    options: &Options<'_>,
) -> Result<Verified> {
    let raw = digest(made, "hashing the image", options.progress)?;
    let seen = Seen {
        packed: raw.clone(),
        raw,
    };
    keep(entry, source, &Promise::default(), seen, |entry| {
        entry.adopt(made, IMAGE)
    })
}

/// Checks, writes the record, then gives the image its name, so that an image with a name always has a record.
fn keep(
    entry: &Entry,
    source: &str,
    promise: &Promise,
    seen: Seen,
    publish: impl FnOnce(&Entry) -> Result<PathBuf>,
) -> Result<Verified> {
    promise.check(source, &seen)?;
    entry.write(RECORD, &Record::new(&seen, None).to_text()?)?;
    let path = publish(entry)?;
    note_state(entry, &seen)?;
    Verified::new(path, source.to_owned(), promise, seen)
}

/// What the entry's image was when it was read, and still is: unchanged since, or read again. Where others could have
/// written image and record, only a digest that was known before counts.
fn recall(entry: &Entry, promise: &Promise, options: &Options<'_>) -> Result<Option<Seen>> {
    let path = entry.path(IMAGE);
    let (Some(record), true) = (Record::read(&entry.path(RECORD)), path.exists()) else {
        return Ok(None);
    };
    let seen = record.seen();
    let is_ours = entry.is_ours(IMAGE)? && entry.is_ours(RECORD)?;
    if is_ours && record.holds(&state(&path)?) {
        return Ok(Some(seen));
    }
    if !is_ours && promise.raw.sha256.is_none() {
        return Err(unvouched(entry));
    }
    let now = digest(&path, "hashing the cached image again", options.progress)?;
    let expected = Pin {
        sha256: Some(seen.raw.sha256.clone()),
        size: Some(seen.raw.size),
    };
    expected.check(&path.display().to_string(), &now)?;
    note_state(entry, &seen)?;
    Ok(Some(seen))
}

/// Image and record may both be somebody else's.
fn unvouched(entry: &Entry) -> anyhow::Error {
    let folder = entry.folder().display();
    Failure::new(
        Kind::Verification,
        format!(
            "other users can write to the cache folder {folder}, and no digest of the unpacked image is known"
        ),
        format!(
            "run: chmod -R go-w {folder}, then `etcd-image fetch` while online; or name another with --cache"
        ),
    )
}

fn note_state(entry: &Entry, seen: &Seen) -> Result<()> {
    let state = state(&entry.path(IMAGE))?;
    entry.write(RECORD, &Record::new(seen, Some(state)).to_text()?)
}

fn discard(entry: &Entry) -> Result<()> {
    entry.remove(IMAGE)?;
    entry.remove(RECORD)
}

pub(super) fn state(path: &Path) -> Result<State> {
    State::of(path).map_err(|error| storage("looking at", path, &error))
}

/// The digest of a whole file.
pub(super) fn digest(path: &Path, what: &str, progress: &dyn Progress) -> Result<Digested> {
    let open = || {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut task = progress.task(what, Some(length));
        DigestReader::new(Watched::new(file, &mut *task)).drain()
    };
    open().map_err(|error| storage("reading", path, &error))
}
