//! The SHA-256 and the length of bytes, computed while they pass.

use std::io::{self, BufReader, Write};
use std::path::Path;

use fs_err::File;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hex;

/// The SHA-256 and length of a whole source, created only after all of it was read or written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Digested {
    /// SHA-256 of the bytes, lower-case hexadecimal.
    pub(crate) sha256: String,
    /// Number of bytes.
    pub(crate) size: u64,
}

impl Digested {
    /// Returns the digest of these bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: hex::sha256(bytes),
            size: bytes.len() as u64,
        }
    }

    /// Returns the digest of a whole file.
    pub(crate) fn of_file(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(1 << 20, File::open(path)?);
        let mut writer = DigestWriter::new(io::sink());
        io::copy(&mut file, &mut writer)?;
        Ok(writer.finish().0)
    }
}

/// A digest in progress.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digester {
    hash: Sha256,
    size: u64,
}

impl Digester {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn finish(self) -> Digested {
        Digested {
            sha256: hex::encode(&self.hash.finalize()),
            size: self.size,
        }
    }
}

/// A writer that passes bytes on and computes the digest of what was written.
pub(crate) struct DigestWriter<W> {
    inner: W,
    digester: Digester,
}

impl<W: Write> DigestWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self {
            inner,
            digester: Digester::default(),
        }
    }

    /// Returns the digest of all bytes written, and the inner writer.
    pub(crate) fn finish(self) -> (Digested, W) {
        (self.digester.finish(), self.inner)
    }
}

impl<W: Write> Write for DigestWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.digester.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
