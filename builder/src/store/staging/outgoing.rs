//! Images on their way to a store: after an interruption, the next run goes on from there.
#![expect(
    clippy::disallowed_methods,
    reason = "keeps what is on its way to a store"
)]

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, BufWriter};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;

use super::super::blob::Blob;
use super::super::encryption::Recipients;
use super::journal::Journal;
use super::place::{lock_file, outgoing, unwritable};
use crate::digest::DigestWriter;
use crate::failure::Kind;
use crate::file::{if_exists, make_private_folder};
use crate::hex;

/// The file with the address.
pub(super) const ADDRESS: &str = "address";

/// The files on their way to one address, locked until dropped.
#[derive(Debug)]
pub(crate) struct Staging {
    folder: PathBuf,
    _lock: File,
}

impl Staging {
    /// Opens the directory for an address; fails if another build sends to it.
    pub(crate) fn open(cache: &Path, address: &str) -> Result<Self> {
        let all = outgoing(cache);
        let key = &hex::sha256(address)[..16];
        let folder = all.join(key);
        let prepare = || -> io::Result<File> {
            make_private_folder(&folder)?;
            make_private_folder(&folder.join("sealed"))?;
            let lock = lock_file(&all.join(format!("{key}.lock")))?;
            if lock.try_lock().is_ok() {
                fs_err::write(folder.join(ADDRESS), address)?;
            }
            Ok(lock)
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
    pub(crate) fn images(&self) -> PathBuf {
        self.folder.join("images")
    }

    /// Returns an encrypted copy of a file, from an interrupted run if it has left one.
    pub(crate) fn seal(
        &self,
        file: &Path,
        plain: &Blob,
        recipients: &Recipients,
    ) -> Result<(PathBuf, Blob)> {
        let path = self.sealed(&sealed_name(plain, recipients));
        let context = || unwritable(&path);
        if let Some(made) = if_exists(Blob::of_file(&path)).with_context(context)? {
            return Ok((path, made));
        }
        let seal = || -> io::Result<Blob> {
            let temporary = NamedTempFile::new_in(&self.folder)?;
            let from = BufReader::new(fs_err::File::open(file)?);
            let to = DigestWriter::new(BufWriter::new(temporary));
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

    /// Returns the encrypted copy of a file that an interrupted run has sent. Encrypting the file again would give other bytes.
    pub(crate) fn sent(&self, plain: &Blob, recipients: &Recipients) -> Option<Blob> {
        self.record(&sealed_name(plain, recipients)).read()
    }

    /// Returns the path of the record of an unfinished upload.
    pub(crate) fn journal(&self, blob: &Blob) -> Journal {
        Journal::at(&self.sealed(&format!("{}.upload", blob.sha256)))
    }

    fn sealed(&self, name: &str) -> PathBuf {
        self.folder.join("sealed").join(name)
    }

    /// Replaces the encrypted copy of a file, which the store has, by a record of it.
    pub(crate) fn forget(
        &self,
        plain: &Blob,
        recipients: &Recipients,
        stored: &Blob,
    ) -> Result<()> {
        let name = sealed_name(plain, recipients);
        self.record(&name).write(stored)?;
        let path = self.sealed(&name);
        let removed = if_exists(fs_err::remove_file(&path));
        removed.map(drop).with_context(|| unwritable(&path))
    }

    fn record(&self, sealed: &str) -> Journal {
        Journal::at(&self.sealed(&format!("{sealed}.sent")))
    }

    /// Removes everything, because the store has it.
    pub(crate) fn clear(self) -> Result<()> {
        fs_err::remove_dir_all(&self.folder).with_context(|| unwritable(&self.folder))
    }
}

/// Returns the name of the encrypted copy of a file.
fn sealed_name(plain: &Blob, recipients: &Recipients) -> String {
    format!("{}.{}.age", plain.sha256, &recipients.id()[..16])
}
