//! What changed on top of the base, in order.

use std::iter::Peekable;
use std::sync::RwLockReadGuard;
use std::vec::IntoIter;

use super::Storage;
use super::cow::{BLOCK, Blocks};
use crate::bytes::len_u64;
use crate::error::Result;

/// Bytes that differ from the base, and where they belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Offset of the first byte in the storage, a multiple of 4096.
    pub offset: u64,
    /// The bytes, whole 4 KiB blocks except at the very end of the storage.
    pub bytes: Vec<u8>,
}

/// The runs of a copy-on-write storage, see [`CowStorage::runs`](super::CowStorage::runs). A failure to read the base ends it.
#[derive(Debug)]
pub struct Runs<'a> {
    base: &'a dyn Storage,
    blocks: RwLockReadGuard<'a, Blocks>,
    numbers: Peekable<IntoIter<u64>>,
}

impl<'a> Runs<'a> {
    /// The longest run, in bytes; what is longer comes in pieces.
    pub const LONGEST: u64 = 1 << 20;

    pub(super) fn new(base: &'a dyn Storage, blocks: RwLockReadGuard<'a, Blocks>) -> Self {
        let numbers: Vec<u64> = blocks.keys().copied().collect();
        Self {
            base,
            blocks,
            numbers: numbers.into_iter().peekable(),
        }
    }

    /// The next block that differs from the base, unless it is past `limit`.
    fn next_changed(&mut self, limit: u64) -> Result<Option<(u64, &[u8])>> {
        while let Some(number) = self.numbers.next_if(|number| *number <= limit) {
            if self.differs(number)? {
                let block = self.blocks.get(&number).map(AsRef::as_ref);
                return Ok(Some((number, block.unwrap_or_default())));
            }
        }
        Ok(None)
    }

    fn differs(&self, number: u64) -> Result<bool> {
        let Some(block) = self.blocks.get(&number) else {
            return Ok(false);
        };
        let mut original = vec![0; block.len()];
        self.base
            .read_at(number.saturating_mul(BLOCK), &mut original)?;
        Ok(original[..] != block[..])
    }

    fn next_run(&mut self) -> Result<Option<Run>> {
        let Some((first, block)) = self.next_changed(u64::MAX)? else {
            return Ok(None);
        };
        let (offset, mut bytes) = (first.saturating_mul(BLOCK), block.to_vec());
        let mut next = first.saturating_add(1);
        while len_u64(&bytes) < Self::LONGEST
            && let Some((_, block)) = self.next_changed(next)?
        {
            bytes.extend_from_slice(block);
            next = next.saturating_add(1);
        }
        Ok(Some(Run { offset, bytes }))
    }
}

impl Iterator for Runs<'_> {
    type Item = Result<Run>;

    fn next(&mut self) -> Option<Self::Item> {
        let run = self.next_run();
        if run.is_err() {
            self.numbers = Vec::new().into_iter().peekable();
        }
        run.transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Run, Runs};
    use crate::error::{Error, StorageError};
    use crate::storage::{CowStorage, Memory, Storage};

    fn cow(size: usize) -> (Arc<Memory>, CowStorage) {
        let base = Arc::new(Memory::new(vec![b'.'; size]));
        (base.clone(), CowStorage::new(base))
    }

    fn runs(cow: &CowStorage) -> Vec<Run> {
        cow.runs().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn reads_changes_over_the_base_and_leaves_the_base_alone() {
        let (base, cow) = cow(10_000);
        cow.write_at(4090, b"0123456789").unwrap();
        let mut read = [0; 14];
        cow.read_at(4088, &mut read).unwrap();
        assert_eq!(&read, b"..0123456789..");
        base.read_at(4088, &mut read).unwrap();
        assert_eq!(&read, b"..............");
    }

    #[test]
    fn merges_adjacent_blocks_and_cuts_the_last_at_the_end() {
        let (_, cow) = cow(5 * 4096 + 100);
        cow.write_at(4096 + 4095, b"ab").unwrap();
        cow.write_at(5 * 4096 + 99, b"z").unwrap();
        let mut first = vec![b'.'; 8192];
        first[4095..4097].copy_from_slice(b"ab");
        let mut last = vec![b'.'; 100];
        last[99] = b'z';
        let expected = [
            Run {
                offset: 4096,
                bytes: first,
            },
            Run {
                offset: 5 * 4096,
                bytes: last,
            },
        ];
        assert_eq!(runs(&cow), expected);
        assert_eq!(cow.changed_bytes(), 2 * 4096 + 100);
    }

    #[test]
    fn drops_blocks_that_equal_the_base_again() {
        let (_, cow) = cow(3 * 4096);
        cow.write_at(0, &vec![b'x'; 3 * 4096]).unwrap();
        cow.write_at(4096, &vec![b'.'; 4096]).unwrap();
        let offsets: Vec<_> = runs(&cow)
            .iter()
            .map(|run| (run.offset, run.bytes.len()))
            .collect();
        assert_eq!(offsets, [(0, 4096), (8192, 4096)]);
    }

    #[test]
    fn cuts_long_runs() {
        let (_, cow) = cow(3 << 20);
        cow.write_at(4096, &vec![b'x'; 2 << 20]).unwrap();
        let longest = usize::try_from(Runs::LONGEST).unwrap();
        let found: Vec<_> = runs(&cow)
            .iter()
            .map(|run| (run.offset, run.bytes.len()))
            .collect();
        assert_eq!(found, [(4096, longest), (4096 + Runs::LONGEST, longest)]);
    }

    #[test]
    fn refuses_to_grow() {
        let (_, cow) = cow(10);
        let expected = StorageError::OutOfRange {
            offset: 9,
            len: 2,
            size: 10,
        };
        assert_eq!(cow.write_at(9, b"ab"), Err(Error::Storage(expected)));
        assert_eq!(runs(&cow), []);
    }
}
