//! Storage as a `std::io` stream, for libraries that read one.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use super::Storage;
use crate::error::{Error, Refused};

/// A storage and a position in it.
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

    /// Returns how many of `wanted` bytes exist from the position on, and moves the position behind them.
    fn advance(&mut self, wanted: usize) -> io::Result<(u64, usize)> {
        let start = self.position;
        let count = match self.storage.size().checked_sub(start) {
            // No bytes exist behind the end.
            None => 0,
            Some(left) => usize::try_from(left).map_or(wanted, |left| wanted.min(left)),
        };
        let moved = u64::try_from(count)
            .ok()
            .and_then(|count| start.checked_add(count));
        self.position = moved.ok_or(io::ErrorKind::InvalidInput)?;
        Ok((start, count))
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (start, count) = self.advance(buf.len())?;
        let (buf, _) = buf.split_at_mut(count);
        self.storage.read_at(start, buf).map_err(io::Error::other)?;
        Ok(count)
    }
}

/// A stream that rejects writes: `fatfs` and `gpt` require a writable stream, although they only read here.
impl Write for Stream {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        let offset = self.position;
        Err(io::Error::other(Error::from(Refused::ReadOnly { offset })))
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
