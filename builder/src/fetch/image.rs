//! Raw images in the cache.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::Result;
use fs_err::File;

use super::Options;
use super::cache::{CacheEntry, Temporary};
use super::digest::DigestReader;
use super::partial::Partial;
use super::record::{FileState, RECORD, Record};
use super::unpack::{unpack, unpack_stream};
use super::verified::{ExpectedDigests, Pin, SourceDigests, Verified};

use crate::digest::Digested;
use crate::failure::Kind;
use crate::progress::Progress;
use crate::shell;

/// The extension of the image; its record lies beside it.
const IMAGE: &str = "img";

/// Returns the entry's image if it exists and passes the check; removes a damaged one.
///
/// Offline, a damaged image is an error because it cannot be replaced.
pub(super) fn cached(
    entry: &CacheEntry,
    source: &str,
    expected: &ExpectedDigests,
    options: &Options<'_>,
) -> Result<Option<Verified>> {
    let verdict = match recall(entry, expected, options) {
        Ok(None) => return discard(entry).map(|()| None),
        Ok(Some(seen)) => Verified::new(entry.path(IMAGE), source.to_owned(), expected, seen),
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
                .note(&format!("{error:#}; the cached image is discarded"));
            discard(entry).map(|()| None)
        }
    }
}

/// Returns whether the cache directory has an image of that key; [`cached`] checks its content.
pub(super) fn is_cached(cache: &Path, key: &str) -> io::Result<bool> {
    fs_err::exists(cache.join(format!("{key}.{IMAGE}")))
}

/// Returns whether the image of that key has this SHA-256 by its record, which [`cached`] checks.
pub(super) fn may_have(cache: &Path, key: &str, sha256: &str) -> io::Result<bool> {
    let record = Record::read(&cache.join(format!("{key}.{RECORD}")));
    let has_digest = record.is_some_and(|record| record.seen().raw.sha256 == sha256);
    Ok(is_cached(cache, key)? && has_digest)
}

/// Unpacks `packed` into the entry, for this and later builds.
pub(super) fn unpacked(
    entry: &CacheEntry,
    packed: &Path,
    source: &str,
    expected: &ExpectedDigests,
    options: &Options<'_>,
) -> Result<Verified> {
    let target = entry.create(IMAGE)?;
    let seen = {
        let mut task = options.progress.task("unpacking", None);
        unpack(
            packed,
            target.file(),
            expected.raw.size,
            options.jobs,
            &mut *task,
        )?
    };
    keep(entry, source, expected, seen, |entry| {
        entry.publish(target, IMAGE)
    })
}

/// An unpacked image without its name, and what was read.
type Unnamed = (Temporary, SourceDigests);

/// Unpacks the entry's download while it arrives. Returns its path, and the image if it is the expected one: what goes wrong meanwhile
/// is found and reported once the download is complete.
pub(super) fn unpacked_meanwhile(
    entry: &CacheEntry,
    expected: &ExpectedDigests,
    options: &Options<'_>,
    download: impl FnOnce() -> Result<PathBuf>,
) -> Result<(PathBuf, Option<Unnamed>)> {
    let packed = || {
        let _ending = entry.arrived().ending();
        download()
    };
    let (packed, unpacked) = thread::scope(|scope| {
        let follower = scope.spawn(|| follow(entry, expected, options));
        (packed(), follower.join())
    });
    let unpacked = unpacked.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    Ok((packed?, unpacked.ok().flatten()))
}

fn follow(
    entry: &CacheEntry,
    expected: &ExpectedDigests,
    options: &Options<'_>,
) -> Result<Option<Unnamed>> {
    let follower = Partial::follow(entry);
    if !follower.has_begun() {
        return Ok(None);
    }
    let target = entry.create(IMAGE)?;
    let mut task = options.progress.task("unpacking", None);
    if let Some(size) = expected.packed.size {
        task.total(size);
    }
    let source = (entry.folder(), follower);
    let seen = unpack_stream(
        source,
        target.file(),
        expected.raw.size,
        options.jobs,
        &mut *task,
    )?;
    expected.check("the download", &seen)?;
    Ok(Some((target, seen)))
}

/// Gives an image that was unpacked meanwhile its name.
pub(super) fn named(
    entry: &CacheEntry,
    (image, seen): Unnamed,
    source: &str,
    expected: &ExpectedDigests,
) -> Result<Verified> {
    keep(entry, source, expected, seen, |entry| {
        entry.publish(image, IMAGE)
    })
}

/// Moves an image from the entry's work directory into the entry.
pub(super) fn adopted(
    entry: &CacheEntry,
    made: &Path,
    source: &str,
    options: &Options<'_>,
) -> Result<Verified> {
    let raw = digest(made, "hashing the image", options.progress)?;
    let seen = SourceDigests::unpacked(raw);
    keep(entry, source, &ExpectedDigests::default(), seen, |entry| {
        entry.adopt(made, IMAGE)
    })
}

/// Checks the image, writes the record, then gives the image its name: an image with a name always has a record.
fn keep(
    entry: &CacheEntry,
    source: &str,
    expected: &ExpectedDigests,
    seen: SourceDigests,
    publish: impl FnOnce(&CacheEntry) -> Result<PathBuf>,
) -> Result<Verified> {
    expected.check(source, &seen)?;
    entry.write(RECORD, &Record::new(&seen, None).to_text()?)?;
    let path = publish(entry)?;
    note_state(entry, &seen)?;
    Verified::new(path, source.to_owned(), expected, seen)
}

/// Returns what was read from the entry's image, from the record if the file is unchanged, else by reading it again. If other
/// users can have written image and record, only a digest known in advance counts.
fn recall(
    entry: &CacheEntry,
    expected: &ExpectedDigests,
    options: &Options<'_>,
) -> Result<Option<SourceDigests>> {
    let path = entry.path(IMAGE);
    let (Some(record), true) = (Record::read(&entry.path(RECORD)), fs_err::exists(&path)?) else {
        return Ok(None);
    };
    let seen = record.seen();
    let is_ours = entry.is_ours(IMAGE)? && entry.is_ours(RECORD)?;
    if is_ours && record.holds(&FileState::of(&path)?) {
        return Ok(Some(seen));
    }
    if !is_ours && expected.raw.sha256.is_none() {
        return Err(unvouched(entry));
    }
    let now = digest(&path, "hashing the cached image again", options.progress)?;
    Pin::from(seen.raw.clone()).check(&path.display().to_string(), &now)?;
    note_state(entry, &seen)?;
    Ok(Some(seen))
}

/// Creates the error for an image that other users may have written together with its record.
fn unvouched(entry: &CacheEntry) -> anyhow::Error {
    let folder = entry.folder();
    Kind::Verification.error(
        format!(
            "other users can write to the cache directory {}, and no digest of the unpacked image is known",
            folder.display()
        ),
        format!(
            "run `chmod -R go-w {}`, then `etcd-image fetch` while online; or name another with `--cache`",
            shell::path(folder)
        ),
    )
}

fn note_state(entry: &CacheEntry, seen: &SourceDigests) -> Result<()> {
    let state = FileState::of(&entry.path(IMAGE))?;
    entry.write(RECORD, &Record::new(seen, Some(state)).to_text()?)
}

fn discard(entry: &CacheEntry) -> Result<()> {
    entry.remove(IMAGE)?;
    entry.remove(RECORD)
}

/// Returns the digest of a whole file.
pub(super) fn digest(path: &Path, what: &str, progress: &dyn Progress) -> Result<Digested> {
    let file = File::open(path)?;
    let mut task = progress.task(what, Some(file.metadata()?.len()));
    Ok(DigestReader::watched(file, &mut *task).drain()?)
}
