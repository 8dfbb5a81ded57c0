//! Writes files on the operator's machine: under a temporary name, synced, then renamed.
#![expect(
    clippy::disallowed_methods,
    reason = "writes the files that the user asks for"
)]

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;

use crate::failure::{Failure, Kind};
use crate::file::{create_partial, directory_of, is_partial_name, sync_folder};

/// A file without a name yet, which only its owner may read. It is removed unless it is published.
#[derive(Debug)]
pub(super) struct NewFile {
    path: PathBuf,
    file: NamedTempFile,
}

impl NewFile {
    /// Creates the file beside its final name, and removes what a killed command left in this directory.
    pub(super) fn create(path: &Path) -> Result<Self> {
        sweep(directory_of(path)).with_context(|| unwritable(path))?;
        let file = create_partial(path).with_context(|| unwritable(path))?;
        // Other commands recognize by the lock that the file is in use; the system unlocks it when this process ends.
        file.as_file().lock().with_context(|| unwritable(path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
        })
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        // Without the temporary name, which the message would contain otherwise.
        self.file
            .as_file_mut()
            .write_all(bytes)
            .with_context(|| unwritable(&self.path))
    }

    /// Gives the file its name, unless another file has got it meanwhile.
    pub(super) fn publish(self) -> Result<()> {
        let path = &self.path;
        self.file
            .as_file()
            .sync_all()
            .with_context(|| unwritable(path))?;
        let named = self.file.persist_noclobber(path);
        named
            .map_err(|error| error.error)
            .with_context(|| unwritable(path))?;
        sync_folder(directory_of(path)).with_context(|| unwritable(path))
    }
}

/// Creates a directory if it does not exist.
pub(super) fn create_folder(path: &Path) -> Result<()> {
    fs_err::create_dir_all(path).with_context(|| unwritable(path))
}

/// Returns the names of the files in a directory.
pub(super) fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    Ok(names)
}

/// Removes a file, if it exists.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| unwritable(path))
        }
        _ => Ok(()),
    }
}

/// Removes temporary files that no running process has locked.
fn sweep(folder: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_partial_name(&name) && File::open(entry.path())?.try_lock().is_ok() {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Returns the failure to attach to an I/O error: the place and the next step.
fn unwritable(path: &Path) -> Failure {
    Kind::Storage.context(
        format!("writing {}", path.display()),
        "make sure that the directory exists, is writable and has room, or name another file",
    )
}
