//! Storage in a buffer: small images, and tests.

use std::fmt;
use std::sync::{PoisonError, RwLock};

use super::{Storage, check_buffer};
use crate::bytes::{len_u64, put, to_usize};
use crate::error::Result;

/// Bytes in memory.
#[derive(Default)]
pub struct Memory(RwLock<Vec<u8>>);

impl Memory {
    /// Storage that starts with these bytes and keeps their number.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(RwLock::new(bytes))
    }

    /// The bytes as they are now.
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
        len_u64(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let bytes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        check_buffer(offset, buf, len_u64(&bytes))?;
        let start = to_usize(offset, offset)?;
        if let Some(found) = bytes.get(start..start.saturating_add(buf.len())) {
            buf.copy_from_slice(found);
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut place = self.0.write().unwrap_or_else(PoisonError::into_inner);
        check_buffer(offset, bytes, len_u64(&place))?;
        put(&mut place, to_usize(offset, offset)?, bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;
    use crate::error::{Error, StorageError};
    use crate::storage::Storage;

    #[test]
    fn gives_back_what_was_written() {
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
