//! Copy-on-write storage: changes on top of a base that is never written.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::block::{BLOCK_LEN, Block};
use super::changes::{Changed, Changes};
use super::runs::Runs;
use super::shared::SharedContents;
use super::{Storage, check_buffer, part, part_mut, read_vec};
use crate::error::{Result, StorageError};
use crate::units::length;

/// A base storage with changes held in memory, 4 KiB blocks at a time.
///
/// **Invariant**: the base is only read; [`Storage::write_at`] of the base is never called.
pub struct CowStorage {
    base: Arc<dyn Storage>,
    changes: RwLock<Changes>,
    shared: Arc<SharedContents>,
}

impl CowStorage {
    /// Returns a storage that equals `base`.
    pub fn new(base: Arc<dyn Storage>) -> Self {
        Self::sharing(base, Arc::default())
    }

    /// Returns a storage that equals `base` and refers to these contents instead of copying them.
    pub fn sharing(base: Arc<dyn Storage>, shared: Arc<SharedContents>) -> Self {
        Self {
            base,
            changes: RwLock::new(Changes::new()),
            shared,
        }
    }

    /// Returns the number of bytes that this storage holds alone: its changes without shared contents.
    pub fn own_bytes(&self) -> u64 {
        let changes = self.changes();
        let own = changes.values().map(|changed| match changed {
            Changed::Own(bytes) => length(bytes),
            Changed::Shared(_) => 0,
        });
        own.sum()
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

    /// Returns whether something in that range was written that is not among the shared contents.
    pub fn has_own_changes(&self, range: Range<u64>) -> bool {
        let changes = self.changes();
        let mut after = changes.range(Block::of(range.start)..);
        let inside = after.by_ref();
        inside
            .take_while(|(block, _)| block.start() < range.end)
            .any(|(_, changed)| matches!(changed, Changed::Own(_)))
    }

    fn changes(&self) -> RwLockReadGuard<'_, Changes> {
        self.changes.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `block` as it is in the base.
    fn copy(&self, block: Block) -> Result<Box<[u8]>> {
        // The last block ends where the base ends; a block that starts after that is out of range.
        let len = self
            .base
            .size()
            .abs_diff(block.start())
            .min(length(&[0; BLOCK_LEN]));
        let copy = read_vec(self.base.as_ref(), block.start(), len)?;
        Ok(copy.into_boxed_slice())
    }

    /// Returns a block with these bytes at `place`, and elsewhere the bytes that it had before.
    fn change(
        &self,
        before: Option<Changed>,
        block: Block,
        place: usize,
        bytes: &[u8],
    ) -> Result<Changed> {
        if let Ok(whole) = bytes.try_into() {
            let shared = self.shared.find(whole).map(Changed::Shared);
            return Ok(shared.unwrap_or_else(|| Changed::Own(Box::new(*whole))));
        }
        let mut copy = match before {
            Some(Changed::Own(copy)) => copy,
            Some(Changed::Shared(shared)) => shared.bytes().into(),
            None => self.copy(block)?,
        };
        let (offset, len, size) = (block.start(), length(bytes), self.size());
        part_mut(&mut copy, place, bytes.len())
            .ok_or(StorageError::OutOfRange { offset, len, size })?
            .copy_from_slice(bytes);
        Ok(Changed::Own(copy))
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
            if let Some(changed) = changes.get(&here) {
                now.copy_from_slice(part(changed.bytes(), place, len).ok_or_else(out_of_range)?);
            }
            (block, place, rest) = (here.next(), 0, later);
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        check_buffer(offset, bytes, self.size())?;
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        let mut rest = bytes;
        let mut block = Some(Block::of(offset));
        let mut place = Block::place(offset);
        while let (Some(here), false) = (block, rest.is_empty()) {
            let (now, later) = rest.split_at(BLOCK_LEN.abs_diff(place).min(rest.len()));
            let new = self.change(changes.remove(&here), here, place, now)?;
            changes.insert(here, new);
            (block, place, rest) = (here.next(), 0, later);
        }
        Ok(())
    }
}
