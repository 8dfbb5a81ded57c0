//! A part of another storage, such as a partition.

use std::sync::Arc;

use super::{Storage, check_range};
use crate::error::{Result, StorageError};
use crate::units::length;

/// The bytes `start..start + len` of another storage, numbered from zero.
#[derive(Debug, Clone)]
pub struct Window {
    inner: Arc<dyn Storage>,
    start: u64,
    len: u64,
}

impl Window {
    /// Returns the `len` bytes of `inner` from `start` on. Fails if they are not all inside.
    pub fn new(inner: Arc<dyn Storage>, start: u64, len: u64) -> Result<Self> {
        check_range(start, len, inner.size())?;
        Ok(Self { inner, start, len })
    }

    /// Returns the offset of byte `offset` in the other storage, if `buffer` fits there.
    fn inner_offset(&self, offset: u64, buffer: &[u8]) -> Result<u64> {
        let (len, size) = (length(buffer), self.len);
        check_range(offset, len, size)?;
        let at = self.start.checked_add(offset);
        Ok(at.ok_or(StorageError::OutOfRange { offset, len, size })?)
    }
}

impl Storage for Window {
    fn size(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let at = self.inner_offset(offset, buf)?;
        self.inner.read_at(at, buf)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let at = self.inner_offset(offset, bytes)?;
        self.inner.write_at(at, bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::Window;
    use crate::error::{Error, StorageError};
    use crate::storage::{Memory, Storage};

    #[test]
    fn numbers_its_bytes_from_zero() {
        let memory = Arc::new(Memory::new(b"0123456789".to_vec()));
        let window = Window::new(memory.clone(), 3, 4).unwrap();
        window.write_at(1, b"XY").unwrap();
        let mut read = [0; 4];
        window.read_at(0, &mut read).unwrap();
        assert_eq!((window.size(), &read), (4, b"3XY6"));
        let mut all = [0; 10];
        memory.read_at(0, &mut all).unwrap();
        assert_eq!(&all, b"0123XY6789");
    }

    #[test]
    fn rejects_bytes_outside_the_window() {
        let memory: Arc<dyn Storage> = Arc::new(Memory::new(vec![0; 10]));
        let outside =
            |offset, len, size| Error::Storage(StorageError::OutOfRange { offset, len, size });
        assert_eq!(
            Window::new(memory.clone(), 8, 3).unwrap_err(),
            outside(8, 3, 10)
        );
        let window = Window::new(memory, 3, 4).unwrap();
        assert_eq!(window.write_at(3, b"ab"), Err(outside(3, 2, 4)));
        assert_eq!(window.read_at(5, &mut []), Err(outside(5, 0, 4)));
    }
}
