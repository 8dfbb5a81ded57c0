//! Copy-on-write storage: changes on top of a base that is never written.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::block::{BLOCK_LEN, Block};
use super::runs::Runs;
use super::{Storage, check_range, part, part_mut, read_vec};
use crate::error::{Result, StorageError};
use crate::units::length;

/// The changed blocks. The last block of the storage may be shorter than the others.
pub(super) type Changes = BTreeMap<Block, Box<[u8]>>;

/// A base storage with changes held in memory, 4 KiB blocks at a time.
///
/// **Invariant**: the base is only read; [`Storage::write_at`] of the base is never called.
pub struct CowStorage {
    base: Arc<dyn Storage>,
    changes: RwLock<Changes>,
}

impl CowStorage {
    /// Returns a storage that equals `base`.
    pub fn new(base: Arc<dyn Storage>) -> Self {
        Self {
            base,
            changes: RwLock::new(Changes::new()),
        }
    }

    /// Returns what differs from the base, in ascending order: adjacent changed blocks are one run of at most
    /// [`Runs::LONGEST`] bytes, and blocks that equal the base again are left out.
    ///
    /// Runs are copied one at a time. Writes wait until the iterator is dropped.
    pub fn runs(&self) -> Runs<'_> {
        Runs::new(self.base.as_ref(), self.changes())
    }

    /// Returns whether anything in that range was written, even if with the same bytes.
    pub fn is_changed(&self, range: Range<u64>) -> bool {
        let changes = self.changes();
        let mut after = changes.range(Block::of(range.start)..);
        after
            .next()
            .is_some_and(|(block, _)| block.start() < range.end)
    }

    fn changes(&self) -> RwLockReadGuard<'_, Changes> {
        self.changes.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `block` as it is in the base, which is not read if `bytes`, to be written at `place`, cover it.
    fn copy(&self, block: Block, place: usize, bytes: &[u8]) -> Result<Box<[u8]>> {
        if let (0, Some(whole)) = (place, bytes.first_chunk::<BLOCK_LEN>()) {
            return Ok(Box::new(*whole));
        }
        // The last block ends where the base ends; a block that starts after that is out of range.
        let len = self
            .base
            .size()
            .abs_diff(block.start())
            .min(length(&[0; BLOCK_LEN]));
        let copy = read_vec(self.base.as_ref(), block.start(), len)?;
        Ok(copy.into_boxed_slice())
    }
}

impl fmt::Debug for CowStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = self.changes().len();
        write!(f, "CowStorage({changed} blocks changed on {:?})", self.base)
    }
}

impl Storage for CowStorage {
    fn size(&self) -> u64 {
        self.base.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.base.read_at(offset, buf)?;
        let (len, size) = (length(buf), self.size());
        let out_of_range = || StorageError::OutOfRange { offset, len, size };
        let changes = self.changes();
        let mut rest = buf;
        let mut block = Some(Block::of(offset));
        let mut place = Block::place(offset);
        while let (Some(here), false) = (block, rest.is_empty()) {
            let len = BLOCK_LEN.abs_diff(place).min(rest.len());
            let (now, later) = rest.split_at_mut(len);
            if let Some(bytes) = changes.get(&here) {
                now.copy_from_slice(part(bytes, place, len).ok_or_else(out_of_range)?);
            }
            (block, place, rest) = (here.next(), 0, later);
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let (len, size) = (length(bytes), self.size());
        check_range(offset, len, size)?;
        let out_of_range = || StorageError::OutOfRange { offset, len, size };
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        let mut rest = bytes;
        let mut block = Some(Block::of(offset));
        let mut place = Block::place(offset);
        while let (Some(here), false) = (block, rest.is_empty()) {
            let copy = match changes.entry(here) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(self.copy(here, place, rest)?),
            };
            let (now, later) = rest.split_at(BLOCK_LEN.abs_diff(place).min(rest.len()));
            part_mut(copy, place, now.len())
                .ok_or_else(out_of_range)?
                .copy_from_slice(now);
            (block, place, rest) = (here.next(), 0, later);
        }
        Ok(())
    }
}
