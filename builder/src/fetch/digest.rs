//! A reader that computes the digest of a source that is read to its end.

use std::io::{self, Read};

use crate::digest::{Digested, Digester};
use crate::progress::Task;

/// The number of bytes read at a time when only the digest is wanted.
const CHUNK: usize = 256 << 10;

/// A reader that passes through to `inner` and computes the digest of what it reads.
///
/// A decoder may stop before its source ends; CVE-2021-20319 was a check that waited for an end that was never read. The
/// digest is therefore available only from [`DigestReader::drain`], which reads to the end itself.
pub(super) struct DigestReader<'a, R> {
    inner: R,
    digester: Digester,
    task: Option<&'a mut dyn Task>,
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
