//! The blocks in which [`CowStorage`](super::CowStorage) keeps changes.

/// The length of a block, except that the last block of a storage may be shorter.
pub(super) const BLOCK_LEN: usize = 4096;

/// The number of a 4 KiB block, counted from the start of the storage; at most 2^52 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Block(u64);

impl Block {
    /// Returns the block that contains byte `offset`.
    pub(super) fn of(offset: u64) -> Self {
        Self(offset >> 12)
    }

    /// Returns the offset of the first byte.
    pub(super) fn start(self) -> u64 {
        self.0 << 12
    }

    /// Returns the next block, if 64 bits can address it.
    pub(super) fn next(self) -> Option<Self> {
        let start = self.start().checked_add(1 << 12)?;
        Some(Self::of(start))
    }

    /// Returns the place of byte `offset` in the block that contains it.
    #[expect(clippy::as_conversions, reason = "the remainder is less than 4096")]
    pub(super) fn place(offset: u64) -> usize {
        (offset & 0xFFF) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::Block;

    #[test]
    fn the_last_block_has_no_successor() {
        let last = Block::of(u64::MAX);
        assert_eq!(last.start(), u64::MAX - 4095);
        assert_eq!(last.next(), None);
        assert_eq!(Block::of(4095).next(), Some(Block::of(4096)));
        assert_eq!(Block::place(4097), 1);
    }
}
