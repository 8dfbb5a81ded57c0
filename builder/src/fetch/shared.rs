//! Downloads of the shared cache. They are compared like those of a mirror.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::Options;
use super::cache::CacheEntry;
use super::partial::Partial;
use super::verified::Pin;
use crate::store::SharedCache;

/// Returns the download with this digest if the shared cache has it, in place of a partial one. Reports different bytes
/// and treats them as absent.
pub(super) fn take(
    shared: &SharedCache,
    sha256: &str,
    entry: &CacheEntry,
    pin: &Pin,
    options: &Options<'_>,
) -> Result<Option<PathBuf>> {
    let Some(size) = shared.size(sha256)? else {
        return Ok(None);
    };
    let place = shared.place(sha256);
    let mut task = options
        .progress
        .task("reading the shared cache", Some(size));
    let mut partial = Partial::open(entry, &place)?;
    if partial.len() > size {
        partial.restart(None)?;
    }
    task.at(partial.len());
    let range = (partial.len(), size);
    shared.get(sha256, range, &mut Receiver(&mut partial))?;
    drop(task);
    let (path, seen) = partial.finish();
    match pin.check(&place, &seen) {
        Ok(()) => Ok(Some(path)),
        Err(wrong) => {
            Partial::remove(entry)?;
            let note = format!("{wrong:#}; the shared cache gets the right bytes from its source");
            options.progress.note(&note);
            Ok(None)
        }
    }
}

/// Adds a checked download to the shared cache. Only reports a failure: this machine has what it needs.
pub(super) fn give(
    shared: &SharedCache,
    sha256: &str,
    file: &Path,
    entry: &CacheEntry,
    options: &Options<'_>,
) {
    let add = || {
        let size = fs_err::metadata(file)?.len();
        let journal = entry.path("upload");
        shared.put((sha256, size), file, &journal, options.progress)
    };
    if let Err(error) = add() {
        let note = format!("{error:#}; other machines will not find it in the shared cache");
        options.progress.note(&note);
    }
}

/// The file that receives a download.
struct Receiver<'p, 'e>(&'p mut Partial<'e>);

impl Write for Receiver<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
