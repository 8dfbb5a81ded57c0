//! Files without a name, which only this user can read and which end with the program, however that ends.
#![expect(clippy::disallowed_methods, reason = "creates files without a name")]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::file::directory_of;

/// Creates a file without a name in the directory for temporary files.
pub(super) fn file() -> io::Result<File> {
    tempfile::tempfile()
}

/// Creates a file without a name in the directory of `path`, or in the one for temporary files if that is not writable.
/// Returns the file and its directory.
pub(super) fn file_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    let beside = directory_of(path).to_owned();
    match tempfile::tempfile_in(&beside) {
        Ok(file) => Ok((file, beside)),
        Err(_) => Ok((file()?, tempfile::env::temp_dir())),
    }
}
