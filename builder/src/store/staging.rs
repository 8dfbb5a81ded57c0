//! The directory in the cache where images wait until a store has them: after an interruption, the next run goes on from there.
//!
//! ```text
//! outgoing/<key>.lock      held while a build sends to this address; never removed
//! outgoing/<key>/images    the output directory of the build
//! outgoing/<key>/sealed    <digest>.age, an encrypted file   <digest>.upload, the parts of it that the store has
//! ```
//! The key is the digest of the address. All directories are closed to other users: images hold private keys.
#![expect(
    clippy::disallowed_methods,
    reason = "keeps what is on its way to a store"
)]

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::{NamedTempFile, TempDir};

use super::blob::{Blob, BlobWriter};
use super::encryption::Recipients;
use crate::failure::{Failure, Kind};
use crate::file::{if_exists, make_private_folder};
use crate::hex;

/// The files on their way to one address, locked until dropped.
#[derive(Debug)]
pub(super) struct Staging {
    folder: PathBuf,
    _lock: File,
}

impl Staging {
    /// Opens the directory for an address; fails if another build sends to it.
    pub(super) fn open(cache: &Path, address: &str) -> Result<Self> {
        let all = cache.join("outgoing");
        let key = &hex::sha256(address)[..16];
        let folder = all.join(key);
        let prepare = || -> io::Result<File> {
            make_private_folder(&folder)?;
            make_private_folder(&folder.join("sealed"))?;
            let mut options = File::options();
            options.write(true).create(true).truncate(false);
            options.open(all.join(format!("{key}.lock")))
        };
        let lock = prepare().with_context(|| unwritable(&folder))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                folder,
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(Kind::Storage.error(
                format!("another build on this machine sends to {address}"),
                "wait until it is done, or name another prefix with `--out`",
            )),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| unwritable(&folder)),
        }
    }

    /// Returns the output directory of the build.
    pub(super) fn images(&self) -> PathBuf {
        self.folder.join("images")
    }

    /// Returns an encrypted copy of a file, from an interrupted run if it has left one.
    pub(super) fn seal(
        &self,
        file: &Path,
        plain: &Blob,
        recipients: &Recipients,
    ) -> Result<(PathBuf, Blob)> {
        let name = format!("{}.{}.age", plain.sha256, &recipients.id()[..16]);
        let path = self.sealed(&name);
        let context = || unwritable(&path);
        if let Some(made) = if_exists(Blob::of_file(&path)).with_context(context)? {
            return Ok((path, made));
        }
        let seal = || -> io::Result<Blob> {
            let temporary = NamedTempFile::new_in(&self.folder)?;
            let from = BufReader::new(fs_err::File::open(file)?);
            let to = BlobWriter::new(BufWriter::new(temporary));
            let (blob, writer) = recipients.encrypt(from, to)?.finish();
            let temporary = writer
                .into_inner()
                .map_err(io::IntoInnerError::into_error)?;
            temporary.as_file().sync_all()?;
            temporary.persist(&path)?;
            Ok(blob)
        };
        let blob = seal().with_context(context)?;
        Ok((path, blob))
    }

    /// Returns the path of the record of an unfinished upload.
    pub(super) fn journal(&self, blob: &Blob) -> Journal {
        Journal(self.sealed(&format!("{}.upload", blob.sha256)))
    }

    fn sealed(&self, name: &str) -> PathBuf {
        self.folder.join("sealed").join(name)
    }

    /// Removes an encrypted file that the store has.
    pub(super) fn forget(&self, sealed: &Path) -> Result<()> {
        if sealed.starts_with(self.folder.join("sealed")) {
            if_exists(fs_err::remove_file(sealed))?;
        }
        Ok(())
    }

    /// Removes everything, because the store has it.
    pub(super) fn clear(self) -> Result<()> {
        fs_err::remove_dir_all(&self.folder).with_context(|| unwritable(&self.folder))
    }
}

/// The record of an unfinished upload, which a later run continues.
#[derive(Debug)]
pub(super) struct Journal(PathBuf);

impl Journal {
    /// Returns the record at this path.
    pub(super) fn at(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Returns the record of an earlier run, if there is a readable one.
    pub(super) fn read<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&fs_err::read(&self.0).ok()?).ok()
    }

    /// Replaces the record.
    pub(super) fn write(&self, record: &impl serde::Serialize) -> Result<()> {
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
    pub(super) fn remove(&self) -> Result<()> {
        let removed = if_exists(fs_err::remove_file(&self.0));
        removed.map(drop).with_context(|| unwritable(&self.0))
    }
}

fn unwritable(path: &Path) -> Failure {
    Kind::Storage.context(
        format!("writing {}", path.display()),
        "make sure that the cache directory is writable and its disk has room; XDG_CACHE_HOME names another one",
    )
}

/// A directory for the files of a store while cards are written from them; removed when dropped.
///
/// `incoming/` in the cache holds it, closed to other users. What a killed run has left there is removed by the next one.
#[derive(Debug)]
pub(super) struct Incoming {
    folder: TempDir,
    _lock: File,
}

impl Incoming {
    /// Creates the directory; fails while another command reads from a store.
    pub(super) fn open(cache: &Path) -> Result<Self> {
        let all = cache.join("incoming");
        let prepare = || -> io::Result<File> {
            make_private_folder(cache)?;
            let mut options = File::options();
            options.write(true).create(true).truncate(false);
            options.open(cache.join("incoming.lock"))
        };
        let lock = prepare().with_context(|| unwritable(&all))?;
        if lock.try_lock().is_err() {
            return Err(Kind::Storage.error(
                "another command on this machine reads images from a store",
                "wait until it is done; `flash` writes several cards at once",
            ));
        }
        let make = || -> io::Result<TempDir> {
            if_exists(fs_err::remove_dir_all(&all))?;
            make_private_folder(&all)?;
            tempfile::tempdir_in(&all)
        };
        Ok(Self {
            folder: make().with_context(|| unwritable(&all))?,
            _lock: lock,
        })
    }

    /// Returns the path of the directory.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Creates a file in the directory with what `write` gives it.
    pub(super) fn write(
        &self,
        name: &str,
        write: impl FnOnce(&mut File) -> Result<()>,
    ) -> Result<()> {
        let path = self.path().join(name);
        let mut file = File::create_new(&path).with_context(|| unwritable(&path))?;
        write(&mut file)
    }

    /// Removes a file of the directory.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        let path = self.path().join(name);
        fs_err::remove_file(&path).with_context(|| unwritable(&path))
    }
}
