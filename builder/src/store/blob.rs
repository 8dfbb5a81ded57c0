//! Bytes in a store, named by their digest.

use std::io::{self, BufReader, Write};
use std::path::Path;

use fs_err::File;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hex;

/// The digest and the length of bytes in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Blob {
    /// SHA-256 of the bytes, lower-case hexadecimal.
    pub(crate) sha256: String,
    /// Number of bytes.
    pub(crate) size: u64,
}

impl Blob {
    /// Returns the digest and the length of a file.
    pub(super) fn of_file(path: &Path) -> io::Result<Self> {
        let mut writer = BlobWriter::new(io::sink());
        io::copy(
            &mut BufReader::with_capacity(1 << 20, File::open(path)?),
            &mut writer,
        )?;
        Ok(writer.finish().0)
    }

    /// Returns the name of the bytes in a store.
    pub(super) fn name(&self) -> String {
        format!("blobs/sha256/{}", self.sha256)
    }
}

/// A writer that passes bytes on and computes what they are as a blob.
pub(super) struct BlobWriter<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> BlobWriter<W> {
    pub(super) fn new(inner: W) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
            size: 0,
        }
    }

    /// Returns the blob of all bytes written, and the inner writer.
    pub(super) fn finish(self) -> (Blob, W) {
        let blob = Blob {
            sha256: hex::encode(&self.hash.finalize()),
            size: self.size,
        };
        (blob, self.inner)
    }
}

impl<W: Write> Write for BlobWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
