//! Digests of sources that were read to their end.

use std::io::{self, Read};
use std::path::Path;

use fs_err::File;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::hex;
use crate::progress::Task;

/// The number of bytes read at a time when only the digest is wanted.
const CHUNK: usize = 256 << 10;

/// The SHA-256 and length of a whole source, created only after all of it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Digested {
    pub(super) sha256: String,
    pub(super) size: u64,
}

/// A digest in progress.
#[derive(Clone, Debug, Default)]
pub(super) struct Digester {
    hash: Sha256,
    size: u64,
}

impl Digester {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn finish(self) -> Digested {
        Digested {
            sha256: hex::encode(&self.hash.finalize()),
            size: self.size,
        }
    }
}

/// A reader that passes through to `inner` and computes the digest of what it reads.
///
/// A decoder may stop before its source ends; CVE-2021-20319 was a check that waited for an end that was never read. The
/// digest is therefore available only from [`DigestReader::drain`], which reads to the end itself.
pub(super) struct DigestReader<'a, R> {
    inner: R,
    digester: Digester,
    task: Option<&'a mut dyn Task>,
}

impl DigestReader<'_, File> {
    /// Returns the digest of a whole file.
    pub(super) fn file(path: &Path) -> io::Result<Digested> {
        DigestReader::new(File::open(path)?).drain()
    }
}

impl<'a, R: Read> DigestReader<'a, R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            digester: Digester::default(),
            task: None,
        }
    }

    /// Reports its progress to the task after every read.
    pub(super) fn watched(inner: R, task: &'a mut dyn Task) -> Self {
        Self {
            task: Some(task),
            ..Self::new(inner)
        }
    }

    /// Returns the number of bytes read so far.
    pub(super) fn position(&self) -> u64 {
        self.digester.size()
    }

    /// Reads the rest of the source and returns the digest of everything.
    pub(super) fn drain(self) -> io::Result<Digested> {
        Ok(self.drain_digester()?.finish())
    }

    /// Reads the rest of the source and returns the digester, which can take further bytes.
    pub(super) fn drain_digester(mut self) -> io::Result<Digester> {
        let mut rest = vec![0; CHUNK];
        while self.read(&mut rest)? > 0 {}
        Ok(self.digester)
    }
}

impl<R: Read> Read for DigestReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = loop {
            match self.inner.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.digester.update(&buffer[..count]);
        if let Some(task) = &mut self.task {
            task.at(self.digester.size());
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drain_includes_what_nobody_asked_for() {
        let mut reader = DigestReader::new(&b"abc"[..]);
        reader.read_exact(&mut [0; 1]).unwrap();
        let whole = reader.drain().unwrap();
        assert_eq!(whole.size, 3);
        assert_eq!(
            whole.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
