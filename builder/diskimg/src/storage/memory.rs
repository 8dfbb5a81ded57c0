//! Storage in a buffer, for small images and tests.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use super::{Storage, part, part_mut};
use crate::error::{Result, StorageError};
use crate::units::length;

/// Storage in memory.
#[derive(Default)]
pub struct Memory(RwLock<Vec<u8>>);

impl Memory {
    /// Returns a storage with these bytes. Its size is fixed.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(RwLock::new(bytes))
    }

    /// Returns the bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} bytes)", self.size())
    }
}

impl Storage for Memory {
    fn size(&self) -> u64 {
        length(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let bytes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let (len, size) = (length(buf), length(&bytes));
        let found = usize::try_from(offset).ok();
        let found = found.and_then(|start| part(&bytes, start, buf.len()));
        buf.copy_from_slice(found.ok_or(StorageError::OutOfRange { offset, len, size })?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let (len, size) = (length(bytes), length(&place));
        let found = usize::try_from(offset).ok();
        let found = found.and_then(|start| part_mut(&mut place, start, bytes.len()));
        let found = found.ok_or(StorageError::OutOfRange { offset, len, size })?;
        found.copy_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;
    use crate::error::{Error, StorageError};
    use crate::storage::Storage;

    #[test]
    fn reads_what_was_written() {
        let memory = Memory::new(vec![0; 6]);
        memory.write_at(2, b"abc").unwrap();
        let mut read = [0; 4];
        memory.read_at(1, &mut read).unwrap();
        assert_eq!(&read, b"\0abc");
        assert_eq!(memory.into_bytes(), b"\0\0abc\0");
    }

    #[test]
    fn refuses_a_range_past_the_end() {
        let memory = Memory::new(vec![0; 6]);
        let expected = |offset, len| {
            Err(Error::Storage(StorageError::OutOfRange {
                offset,
                len,
                size: 6,
            }))
        };
        assert_eq!(memory.read_at(4, &mut [0; 3]), expected(4, 3));
        assert_eq!(memory.write_at(u64::MAX, b"ab"), expected(u64::MAX, 2));
    }
}
