//! Locks and errors of these directories.
#![expect(clippy::disallowed_methods, reason = "creates the locks")]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Kind};

/// The directory of the files on their way to stores.
pub(super) fn outgoing(cache: &Path) -> PathBuf {
    cache.join("outgoing")
}

/// The directory of the files that come from a store.
pub(super) fn incoming(cache: &Path) -> PathBuf {
    cache.join("incoming")
}

/// Opens a file that is locked while a directory is in use, and never removed.
pub(super) fn lock_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    options.open(path)
}

/// Returns the failure to attach when one of these directories cannot be written.
pub(super) fn unwritable(path: &Path) -> Failure {
    Kind::Storage.context(
        format!("writing {}", path.display()),
        "make sure that the cache directory is writable and its disk has room; XDG_CACHE_HOME names another one",
    )
}
