//! The free blocks of a file system, according to its block bitmaps.
//!
//! Specified in the kernel's documentation, `filesystems/ext4/bitmaps.rst` and `filesystems/ext4/group_descr.rst`.

use std::ops::Range;
use std::sync::Arc;

use fs_ext4::Filesystem;
use fs_ext4::bgd::{BgdFlags, BlockGroupDescriptor};

use super::device::Ext4Device;
use super::failure::from_engine;
use super::gate::gate;
use crate::error::{Corrupt, Result};
use crate::storage::Storage;
use crate::units::index;
use crate::unused::joined;

/// Returns the byte ranges of the free blocks of the file system in `storage`, which must pass the [`gate`].
pub(crate) fn unused(storage: Arc<dyn Storage>) -> Result<Vec<Range<u64>>> {
    gate(storage.as_ref())?;
    // A lazy mount does not replay the journal, which would write.
    let fs = Filesystem::mount_lazy(Arc::new(Ext4Device::new(storage)))
        .map_err(|error| from_engine(error, "/"))?;
    let mut free = FreeBlocks::none(&fs);
    for (group, descriptor) in (0..).zip(&fs.groups) {
        free.add_group(&fs, group, descriptor)?;
    }
    for (group, descriptor) in (0..).zip(&fs.groups) {
        free.remove_metadata(&fs, group, descriptor);
    }
    Ok(free.ranges())
}

/// A mark for each block of a file system: whether it is free.
struct FreeBlocks {
    marks: Vec<bool>,
    block_size: u64,
    /// The block that bit 0 of the first group's bitmap describes.
    first: u64,
    blocks_per_group: u64,
}

impl FreeBlocks {
    fn none(fs: &Filesystem) -> Self {
        // The gate has compared the number of blocks with the size of the storage.
        let blocks = usize::try_from(fs.sb.blocks_count).unwrap_or(0);
        Self {
            marks: vec![false; blocks],
            block_size: fs.sb.block_size().into(),
            first: fs.sb.first_data_block.into(),
            blocks_per_group: fs.sb.blocks_per_group.into(),
        }
    }

    /// Returns the first block of a group. No group of a file system that passed the gate is past the last block.
    fn start(&self, group: u64) -> u64 {
        self.first
            .saturating_add(group.saturating_mul(self.blocks_per_group))
    }

    fn set(&mut self, block: u64, is_free: bool) {
        let mark = usize::try_from(block)
            .ok()
            .and_then(|block| self.marks.get_mut(block));
        if let Some(mark) = mark {
            *mark = is_free;
        }
    }

    /// Marks the blocks that the bitmap of a group states to be free. A bitmap that was never initialized has no content;
    /// such a group holds nothing but metadata.
    fn add_group(
        &mut self,
        fs: &Filesystem,
        group: u64,
        descriptor: &BlockGroupDescriptor,
    ) -> Result<()> {
        let start = self.start(group);
        if descriptor.flags().contains(BgdFlags::BLOCK_UNINIT) {
            (start..start.saturating_add(self.blocks_per_group))
                .for_each(|block| self.set(block, true));
            return Ok(());
        }
        let block = descriptor.block_bitmap;
        let bitmap = fs
            .read_block(block)
            .map_err(|error| from_engine(error, "/"))?;
        let counted = bitmap.get(..index(fs.sb.blocks_per_group / 8));
        let counted = counted.ok_or(Corrupt::SuperblockField {
            field: "s_blocks_per_group",
            value: self.blocks_per_group,
        })?;
        let bits = counted
            .iter()
            .flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1));
        (start..)
            .zip(bits)
            .for_each(|(block, bit)| self.set(block, bit == 0));
        Ok(())
    }

    /// Clears the marks of the blocks that describe a group: copies of the superblock and of the descriptors, bitmaps and
    /// the inode table, which may lie in another group.
    fn remove_metadata(&mut self, fs: &Filesystem, group: u64, descriptor: &BlockGroupDescriptor) {
        let inodes = u64::from(fs.sb.inodes_per_group).saturating_mul(fs.sb.inode_size.into());
        let parts = [
            (self.start(group), fs.sb.group_head_metadata_blocks(group)),
            (descriptor.block_bitmap, 1),
            (descriptor.inode_bitmap, 1),
            (descriptor.inode_table, inodes.div_ceil(self.block_size)),
        ];
        for (start, len) in parts {
            (start..start.saturating_add(len)).for_each(|block| self.set(block, false));
        }
    }

    fn ranges(&self) -> Vec<Range<u64>> {
        let size = self.block_size;
        let free = (0..).zip(&self.marks).filter(|(_, is_free)| **is_free);
        joined(free.map(|(block, _): (u64, _)| {
            let start = block.saturating_mul(size);
            start..start.saturating_add(size)
        }))
    }
}
