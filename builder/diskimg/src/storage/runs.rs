//! The changes of a copy-on-write storage, in ascending order.

use std::iter::Peekable;
use std::sync::RwLockReadGuard;
use std::vec::IntoIter;

use super::Storage;
use super::block::Block;
use super::changes::{Changed, Changes};
use crate::error::Result;
use crate::units::length;

/// Consecutive bytes that differ from the base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Offset of the first byte in the storage, a multiple of 4096.
    pub offset: u64,
    /// The bytes, whole 4 KiB blocks except at the very end of the storage.
    pub bytes: Vec<u8>,
}

/// The changes of a copy-on-write storage, see [`CowStorage::runs`](super::CowStorage::runs).
///
/// The iterator ends after an error.
#[derive(Debug)]
pub struct Runs<'a> {
    base: &'a dyn Storage,
    changes: RwLockReadGuard<'a, Changes>,
    blocks: Peekable<IntoIter<Block>>,
}

impl<'a> Runs<'a> {
    /// The longest run in bytes. Longer changes come in pieces.
    pub const LONGEST: u64 = 1 << 20;

    pub(super) fn new(base: &'a dyn Storage, changes: RwLockReadGuard<'a, Changes>) -> Self {
        let blocks: Vec<Block> = changes.keys().copied().collect();
        Self {
            base,
            changes,
            blocks: blocks.into_iter().peekable(),
        }
    }

    /// Returns the next block up to `limit` that differs from the base.
    fn next_changed(&mut self, limit: Block) -> Result<Option<(Block, &[u8])>> {
        while let Some(block) = self.blocks.next_if(|block| *block <= limit) {
            // The lock keeps the blocks whose numbers were collected.
            let Some(bytes) = self.changes.get(&block).map(Changed::bytes) else {
                continue;
            };
            let mut original = vec![0; bytes.len()];
            self.base.read_at(block.start(), &mut original)?;
            if original[..] != bytes[..] {
                return Ok(self.changes.get(&block).map(|it| (block, it.bytes())));
            }
        }
        Ok(None)
    }

    fn next_run(&mut self) -> Result<Option<Run>> {
        let Some((first, bytes)) = self.next_changed(Block::of(u64::MAX))? else {
            return Ok(None);
        };
        let (offset, mut bytes) = (first.start(), bytes.to_vec());
        let mut next = first.next();
        while length(&bytes) < Self::LONGEST
            && let Some(limit) = next
            && let Some((block, more)) = self.next_changed(limit)?
        {
            bytes.extend_from_slice(more);
            next = block.next();
        }
        Ok(Some(Run { offset, bytes }))
    }
}

impl Iterator for Runs<'_> {
    type Item = Result<Run>;

    fn next(&mut self) -> Option<Self::Item> {
        let run = self.next_run();
        if run.is_err() {
            self.blocks = Vec::new().into_iter().peekable();
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
