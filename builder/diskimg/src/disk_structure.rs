//! On-disk structures of a fixed size, whose little-endian fields are read and set by their offset.

use crate::error::Result;
use crate::storage::Storage;

/// The `N` bytes of a structure.
///
/// A field's offset is a const argument, so that a field outside the structure does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DiskStructure<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> DiskStructure<N> {
    /// Reads the structure that starts at byte `offset` of `storage`.
    pub(crate) fn read(storage: &dyn Storage, offset: u64) -> Result<Self> {
        let mut bytes = [0; N];
        storage.read_at(offset, &mut bytes)?;
        Ok(Self(bytes))
    }

    /// Returns the `LEN` bytes at offset `AT`.
    #[expect(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "the assertion is checked at compile time"
    )]
    pub(crate) fn bytes<const AT: usize, const LEN: usize>(&self) -> [u8; LEN] {
        const { assert!(AT + LEN <= N) };
        std::array::from_fn(|index| self.0[AT + index])
    }

    /// Returns the byte at offset `AT`.
    pub(crate) fn u8<const AT: usize>(&self) -> u8 {
        u8::from_le_bytes(self.bytes::<AT, 1>())
    }

    /// Returns the 16-bit number at offset `AT`.
    pub(crate) fn u16<const AT: usize>(&self) -> u16 {
        u16::from_le_bytes(self.bytes::<AT, 2>())
    }

    /// Returns the 32-bit number at offset `AT`.
    pub(crate) fn u32<const AT: usize>(&self) -> u32 {
        u32::from_le_bytes(self.bytes::<AT, 4>())
    }
}

#[cfg(test)]
mod tests {
    use super::DiskStructure;
    use crate::error::{Error, StorageError};
    use crate::storage::Memory;

    #[test]
    fn fields_are_little_endian() {
        let structure = DiskStructure([1, 2, 3, 4, 5, 6]);
        assert_eq!(structure.u8::<5>(), 6);
        assert_eq!(structure.u16::<1>(), 0x0302);
        assert_eq!(structure.u32::<2>(), 0x0605_0403);
        assert_eq!(structure.bytes::<3, 2>(), [4, 5]);
    }

    #[test]
    fn a_structure_past_the_end_of_the_storage_is_an_error() {
        let (offset, len, size) = (1, 4, 4);
        let expected = StorageError::OutOfRange { offset, len, size };
        let read = DiskStructure::<4>::read(&Memory::new(vec![0; 4]), 1);
        assert_eq!(read, Err(Error::Storage(expected)));
    }
}
