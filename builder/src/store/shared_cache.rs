//! A cache of downloads that several machines share.
//!
//! A download has its SHA-256 as its name. Whoever takes one compares the digest, so that nobody need trust the store.

use std::io::Write;
use std::path::Path;

use anyhow::Result;

use super::blob::{Blob, name};
use super::s3::{Bucket, S3};
use super::staging::Journal;
use crate::cli::AwsVariables;
use crate::progress::Progress;

/// An open shared cache.
#[derive(Debug)]
pub struct SharedCache {
    store: S3,
}

impl SharedCache {
    /// Prepares the cache in a bucket; opens no connection yet.
    pub(crate) fn open(bucket: &Bucket, variables: &AwsVariables) -> Result<Self> {
        let store = S3::open(bucket, variables)?;
        Ok(Self { store })
    }

    /// Returns the address of a download for messages.
    pub(crate) fn place(&self, sha256: &str) -> String {
        self.store.place(&name(sha256))
    }

    /// Returns the size of the download with this digest, if the cache has it.
    pub(crate) fn size(&self, sha256: &str) -> Result<Option<u64>> {
        self.store.size(&name(sha256))
    }

    /// Reads the download with this digest and size from a byte to its end. The receiver compares the digest.
    pub(crate) fn get(
        &self,
        sha256: &str,
        (start, size): (u64, u64),
        to: &mut dyn Write,
    ) -> Result<()> {
        self.store.read(&name(sha256), start..size, to)
    }

    /// Adds a download. `journal` records its parts, so that a later run can continue.
    pub(crate) fn put(
        &self,
        download: (&str, u64),
        file: &Path,
        journal: &Path,
        progress: &dyn Progress,
    ) -> Result<()> {
        let blob = Blob {
            sha256: download.0.to_owned(),
            size: download.1,
        };
        let mut task = progress.task("sending to the shared cache", Some(blob.size));
        self.store
            .upload_in_parts(&blob, file, &Journal::at(journal), &mut *task)
    }
}
