//! The record of an unfinished upload.
#![expect(clippy::disallowed_methods, reason = "keeps what a store has got")]

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;

use super::place::unwritable;
use crate::file::if_exists;

/// The record of an unfinished upload, which a later run continues.
#[derive(Debug)]
pub(crate) struct Journal(PathBuf);

impl Journal {
    /// Returns the record at this path.
    pub(crate) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Returns the record of an earlier run, if there is a readable one.
    pub(crate) fn read<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&fs_err::read(&self.0).ok()?).ok()
    }

    /// Replaces the record.
    pub(crate) fn write(&self, record: &impl serde::Serialize) -> Result<()> {
        let write = || -> io::Result<()> {
            let folder = self.0.parent().unwrap_or(&self.0);
            let mut temporary = NamedTempFile::new_in(folder)?;
            temporary.write_all(&serde_json::to_vec(record)?)?;
            temporary.persist(&self.0)?;
            Ok(())
        };
        write().with_context(|| unwritable(&self.0))
    }

    /// Removes the record, if it exists.
    pub(crate) fn remove(&self) -> Result<()> {
        let removed = if_exists(fs_err::remove_file(&self.0));
        removed.map(drop).with_context(|| unwritable(&self.0))
    }
}
