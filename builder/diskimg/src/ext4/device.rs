//! Storage as the block device of `rust-fs-ext4`, without the journal.
//!
//! The engine writes every change twice: into the journal, then in place, where it is final when the call returns.
//! Offline, on copy-on-write storage that is thrown away after an error, the first copy protects nothing; it costs memory and
//! would leave file contents, keys among them, in the journal area of the image. So writes to the journal's blocks
//! are dropped here: the journal, its superblock included, keeps the bytes of the base, which the gate found empty.

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use fs_ext4::Filesystem;
use fs_ext4::block_io::BlockDevice;

use crate::bytes::len_u64;
use crate::storage::Storage;

/// The storage, and the byte ranges of its journal once they are known, in ascending order.
#[derive(Debug)]
pub(super) struct Device {
    storage: Arc<dyn Storage>,
    journal: OnceLock<Vec<Range<u64>>>,
}

impl Device {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            journal: OnceLock::new(),
        }
    }

    pub(super) fn storage(&self) -> &dyn Storage {
        self.storage.as_ref()
    }

    /// Finds the journal's blocks; from now on writes to them are dropped.
    pub(super) fn hide_journal(&self, fs: &Filesystem) -> fs_ext4::Result<()> {
        let mut ranges: Vec<Range<u64>> = vec![];
        if fs.sb.journal_inode != 0 {
            let block_size = u64::from(fs.sb.block_size());
            let (inode, _) = fs.read_inode_verified(fs.sb.journal_inode)?;
            for logical in 0..inode
                .size
                .div_ceil(block_size.max(1))
                .min(fs.sb.blocks_count)
            {
                if let Some(block) = fs.map_inode_logical(&inode, logical)? {
                    let start = block.saturating_mul(block_size);
                    append(&mut ranges, start..start.saturating_add(block_size));
                }
            }
        }
        ranges.sort_by_key(|range| range.start);
        // A second call would find the same ranges: the journal does not move.
        self.journal.get_or_init(|| ranges);
        Ok(())
    }

    /// Whether the range lies in the journal. The engine writes the journal block by block, so a range is inside or
    /// outside as a whole.
    fn is_journal(&self, offset: u64, len: u64) -> bool {
        let ranges = self.journal.get().map_or(&[][..], Vec::as_slice);
        let after = ranges.partition_point(|range| range.start <= offset);
        let before = after.checked_sub(1).and_then(|index| ranges.get(index));
        before.is_some_and(|range| offset.saturating_add(len) <= range.end)
    }
}

/// Adds a range, merged with the last one where they touch.
fn append(ranges: &mut Vec<Range<u64>>, range: Range<u64>) {
    match ranges.last_mut() {
        Some(last) if last.end == range.start => last.end = range.end,
        _ => ranges.push(range),
    }
}

fn wrap(error: crate::Error) -> fs_ext4::Error {
    fs_ext4::Error::Io(std::io::Error::other(error))
}

impl BlockDevice for Device {
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> fs_ext4::Result<()> {
        self.storage.read_at(offset, buf).map_err(wrap)
    }

    fn size_bytes(&self) -> u64 {
        self.storage.size()
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> fs_ext4::Result<()> {
        if self.is_journal(offset, len_u64(bytes)) {
            return Ok(());
        }
        self.storage.write_at(offset, bytes).map_err(wrap)
    }

    fn is_writable(&self) -> bool {
        true
    }
}
