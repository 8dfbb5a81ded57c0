//! Changes on top of a base that is never written.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::runs::Runs;
use super::{Storage, check_buffer};
use crate::bytes::{len_u64, put, to_usize};
use crate::error::Result;

/// Changes are kept in pieces of this many bytes, aligned to their size in the base.
pub(super) const BLOCK: u64 = 4096;
const BLOCK_LEN: usize = 4096;

/// The changed blocks by their number: offset divided by [`BLOCK`]. The last one may be shorter.
pub(super) type Blocks = BTreeMap<u64, Box<[u8]>>;

/// A base storage with changes held in memory, 4 KiB blocks at a time.
///
/// **Invariant**: the base is only read; [`Storage::write_at`] of the base is never called.
pub struct CowStorage {
    base: Arc<dyn Storage>,
    changed: RwLock<Blocks>,
}

impl CowStorage {
    /// Returns a storage that equals `base`.
    pub fn new(base: Arc<dyn Storage>) -> Self {
        Self {
            base,
            changed: RwLock::new(Blocks::new()),
        }
    }

    /// What differs from the base, in ascending order: adjacent changed blocks are one run of at most
    /// [`Runs::LONGEST`] bytes, and blocks that equal the base again are left out.
    ///
    /// Runs are copied one at a time. Writes wait until the iterator is dropped.
    pub fn runs(&self) -> Runs<'_> {
        Runs::new(self.base.as_ref(), self.blocks())
    }

    /// The bytes of the blocks held in memory. At least what [`runs`](Self::runs) gives: a block that was changed
    /// back is still counted here.
    pub fn changed_bytes(&self) -> u64 {
        self.blocks().values().map(|block| len_u64(block)).sum()
    }

    /// Whether anything in that range was written. Writing the same bytes again counts.
    pub fn is_changed(&self, range: Range<u64>) -> bool {
        let blocks = first_block(range.start)..range.end.div_ceil(BLOCK);
        self.blocks().range(blocks).next().is_some()
    }

    fn blocks(&self) -> RwLockReadGuard<'_, Blocks> {
        self.changed.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The block numbered `number` before `bytes` are written at `at` in it. The base is not read for a block that is
    /// written whole.
    fn new_block(&self, number: u64, at: usize, bytes: &[u8]) -> Result<Box<[u8]>> {
        match (at, bytes.first_chunk::<BLOCK_LEN>()) {
            (0, Some(whole)) => Ok(Box::new(*whole)),
            _ => self.base_block(number),
        }
    }

    /// The block numbered `number` as the base has it, cut at the end of the base.
    fn base_block(&self, number: u64) -> Result<Box<[u8]>> {
        let start = number.saturating_mul(BLOCK);
        let len = self.base.size().saturating_sub(start).min(BLOCK);
        Ok(super::read_vec(self.base.as_ref(), start, len)?.into_boxed_slice())
    }
}

impl fmt::Debug for CowStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let changed = self.changed_bytes();
        write!(f, "CowStorage({changed} bytes on {:?})", self.base)
    }
}

impl Storage for CowStorage {
    fn size(&self) -> u64 {
        self.base.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        self.base.read_at(offset, buf)?;
        let end = offset.saturating_add(len_u64(buf));
        let blocks = self.blocks();
        for (number, block) in blocks.range(first_block(offset)..end.div_ceil(BLOCK)) {
            let start = number.saturating_mul(BLOCK);
            let skip = to_usize(offset, offset.saturating_sub(start))?;
            let at = to_usize(offset, start.saturating_sub(offset))?;
            let source = block.get(skip..).unwrap_or_default();
            let room = buf.len().saturating_sub(at).min(source.len());
            put(buf, at, source.get(..room).unwrap_or_default());
        }
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        check_buffer(offset, bytes, self.size())?;
        let mut blocks = self.changed.write().unwrap_or_else(PoisonError::into_inner);
        let (mut number, mut rest) = (first_block(offset), bytes);
        let mut at = to_usize(offset, offset.saturating_sub(number.saturating_mul(BLOCK)))?;
        while !rest.is_empty() {
            let block = match blocks.entry(number) {
                std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
                std::collections::btree_map::Entry::Vacant(entry) => {
                    entry.insert(self.new_block(number, at, rest)?)
                }
            };
            let (now, later) = rest.split_at(rest.len().min(block.len().saturating_sub(at)));
            put(block, at, now);
            (number, at, rest) = (number.saturating_add(1), 0, later);
        }
        Ok(())
    }
}

fn first_block(offset: u64) -> u64 {
    offset.checked_div(BLOCK).unwrap_or(0)
}
