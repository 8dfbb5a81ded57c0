//! Storage as the block device of `rust-fs-ext4`, without the journal.
//!
//! The engine writes every change twice: into the journal, then in place, where it is final when the call returns.
//! The copy-on-write storage is discarded after an error, so that the first copy protects nothing. It costs memory and
//! would leave file contents, such as keys, in the journal. Writes to the journal's blocks are therefore dropped here:
//! the journal, including its superblock, keeps the bytes of the base, where [`Ext4Writer::open`](super::Ext4Writer::open)
//! found it empty.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use fs_ext4::Filesystem;
use fs_ext4::block_io::BlockDevice;

use crate::storage::Storage;
use crate::units::length;

/// The storage, and the byte ranges of its journal in ascending order once they are known.
#[derive(Debug)]
pub(super) struct Ext4Device {
    storage: Arc<dyn Storage>,
    journal: OnceLock<Vec<Range<u64>>>,
}

impl Ext4Device {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            journal: OnceLock::new(),
        }
    }

    pub(super) fn storage(&self) -> &dyn Storage {
        self.storage.as_ref()
    }

    /// Finds the journal's blocks. From now on writes to them are dropped.
    pub(super) fn hide_journal(&self, fs: &Filesystem) -> fs_ext4::Result<()> {
        let mut ranges: Vec<Range<u64>> = vec![];
        if fs.sb.journal_inode != 0 {
            let block_size = u64::from(fs.sb.block_size());
            let (inode, _) = fs.read_inode_verified(fs.sb.journal_inode)?;
            let blocks = inode.size.div_ceil(block_size).min(fs.sb.blocks_count);
            for logical in 0..blocks {
                if let Some(block) = fs.map_inode_logical(&inode, logical)? {
                    append(&mut ranges, byte_range(block, block_size)?);
                }
            }
        }
        ranges.sort_by_key(|range| range.start);
        // A second call would find the same ranges: the journal does not move.
        self.journal.get_or_init(|| ranges);
        Ok(())
    }

    /// Returns whether the range is in the journal. The engine writes the journal block by block, so that a range is
    /// entirely inside or outside.
    fn is_journal(&self, offset: u64, len: u64) -> bool {
        let ranges = self.journal.get().map_or(&[][..], Vec::as_slice);
        let (before, _) = ranges.split_at(ranges.partition_point(|range| range.start <= offset));
        before
            .last()
            .is_some_and(|range| range.contains(&offset) && len <= range.end.abs_diff(offset))
    }
}

/// Returns the bytes of a block.
fn byte_range(block: u64, block_size: u64) -> fs_ext4::Result<Range<u64>> {
    let start = block.checked_mul(block_size);
    let range = start.and_then(|start| Some(start..start.checked_add(block_size)?));
    range.ok_or(fs_ext4::Error::Corrupt("journal block out of range"))
}

/// Adds a range, merged with the last one if they are adjacent.
fn append(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

fn wrap(error: crate::Error) -> fs_ext4::Error {
    fs_ext4::Error::Io(std::io::Error::other(error))
}

impl BlockDevice for Ext4Device {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> fs_ext4::Result<()> {
        self.storage.read_at(offset, buf).map_err(wrap)
    }

    fn size_bytes(&self) -> u64 {
        self.storage.size()
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> fs_ext4::Result<()> {
        if self.is_journal(offset, length(bytes)) {
            return Ok(());
        }
        self.storage.write_at(offset, bytes).map_err(wrap)
    }

    fn is_writable(&self) -> bool {
        true
    }
}
