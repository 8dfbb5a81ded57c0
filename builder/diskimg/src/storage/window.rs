//! A part of another storage: one partition.

use std::sync::Arc;

use super::{Storage, check_buffer, check_range};
use crate::error::Result;

/// The bytes `start..start + len` of another storage, numbered from zero.
#[derive(Debug, Clone)]
pub struct Window {
    inner: Arc<dyn Storage>,
    start: u64,
    len: u64,
}

impl Window {
    /// A window on `inner`; refused when it does not lie inside.
    pub fn new(inner: Arc<dyn Storage>, start: u64, len: u64) -> Result<Self> {
        check_range(start, len, inner.size())?;
        Ok(Self { inner, start, len })
    }
}

impl Storage for Window {
    fn size(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_buffer(offset, buf, self.len)?;
        self.inner.read_at(self.start.saturating_add(offset), buf)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        check_buffer(offset, bytes, self.len)?;
        self.inner
            .write_at(self.start.saturating_add(offset), bytes)
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
    fn keeps_its_neighbours_out_of_reach() {
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
