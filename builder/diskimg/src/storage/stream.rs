//! Storage as a `std::io` stream, for libraries that want one.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use super::Storage;
use crate::bytes::len_u64;

/// A position in a storage.
#[derive(Debug)]
pub(crate) struct Stream {
    storage: Arc<dyn Storage>,
    position: u64,
}

impl Stream {
    pub(crate) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            position: 0,
        }
    }

    fn left(&self) -> usize {
        let left = self.storage.size().saturating_sub(self.position);
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    fn advance(&mut self, bytes: &[u8]) -> usize {
        self.position = self.position.saturating_add(len_u64(bytes));
        bytes.len()
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let count = buf.len().min(self.left());
        let buf = buf.get_mut(..count).unwrap_or_default();
        self.storage
            .read_at(self.position, buf)
            .map_err(io::Error::other)?;
        Ok(self.advance(buf))
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let bytes = bytes
            .get(..bytes.len().min(self.left()))
            .unwrap_or_default();
        self.storage
            .write_at(self.position, bytes)
            .map_err(io::Error::other)?;
        Ok(self.advance(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Stream {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
            SeekFrom::End(delta) => self.storage.size().checked_add_signed(delta),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
