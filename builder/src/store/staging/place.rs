//! Locks, owners and errors of these directories.
#![expect(clippy::disallowed_methods, reason = "creates the locks")]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Kind};
use crate::file::{directory_of, make_private_folder};

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
    let file = options.open(path)?;
    hand_over(path);
    Ok(file)
}

/// Creates a directory, and those that it is in, for its owner alone.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if path.parent().is_some() {
        make_folder(directory_of(path))?;
    }
    make_private_folder(path)?;
    hand_over(path);
    Ok(())
}

/// The user ID of root, who can change the owner of a file.
#[cfg(unix)]
const ROOT: u32 = 0;

/// Gives what root has created in a directory of another user to that user, whose next command needs it: `sudo -E` keeps the cache
/// directory of the user. What belongs to another user, as in a directory that several share, stays theirs.
#[cfg(unix)]
fn hand_over(path: &Path) {
    use std::os::unix::fs::{MetadataExt as _, lchown};

    if let (Ok(own), Ok(outer)) = (path.symlink_metadata(), directory_of(path).metadata())
        && own.uid() == ROOT
        && outer.uid() != ROOT
    {
        let _ = lchown(path, Some(outer.uid()), Some(outer.gid()));
    }
}

#[cfg(not(unix))]
fn hand_over(_: &Path) {}

/// Returns the failure to attach when one of these directories cannot be written.
pub(super) fn unwritable(path: &Path) -> Failure {
    Kind::Storage.context(
        format!("writing {}", path.display()),
        "make sure that the cache directory is writable and its disk has room; XDG_CACHE_HOME names another one",
    )
}
