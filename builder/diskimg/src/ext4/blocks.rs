//! Finds the owner of every block and compares the owned blocks with the block bitmaps.

use fs_ext4::Filesystem;
use fs_ext4::bgd::{BgdFlags, BlockGroupDescriptor};

use super::failure::from_engine;
use crate::error::{Corrupt, Error, Result};
use crate::units::{index, product};

/// `s_feature_compat`: inode 7 owns the blocks that are reserved for more descriptors.
const RESIZE_INODE: u32 = 0x10;

/// Which blocks have an owner: the file system itself, or an inode.
#[derive(Debug)]
pub(super) struct Blocks(Vec<bool>);

impl Blocks {
    /// Returns the blocks that belong to the file system itself.
    pub(super) fn of(fs: &Filesystem) -> Result<Self> {
        // The gate has compared the number of blocks with the size of the storage.
        let count = usize::try_from(fs.sb.blocks_count).map_err(|_| Corrupt::SuperblockField {
            field: "s_blocks_count",
            value: fs.sb.blocks_count,
        })?;
        let mut blocks = Self(vec![false; count]);
        let table = product(fs.sb.inodes_per_group, fs.sb.inode_size.into());
        let table = table.div_ceil(fs.sb.block_size().into());
        let reserved = match fs.sb.feature_compat & RESIZE_INODE {
            0 => 0,
            _ => u64::from(fs.sb.reserved_gdt_blocks),
        };
        // The boot sector, if it has a block of its own.
        blocks.claim(0, fs.sb.first_data_block.into(), || "/".to_owned())?;
        for (group, descriptor) in (0..).zip(&fs.groups) {
            let head = fs.sb.group_head_metadata_blocks(group);
            let owned = [
                (first_block(fs, group), head.saturating_sub(reserved)),
                (descriptor.block_bitmap, 1),
                (descriptor.inode_bitmap, 1),
                (descriptor.inode_table, table),
            ];
            for (first, count) in owned {
                let place = || format!("block group {group}");
                blocks.claim(first, count, place)?;
            }
        }
        Ok(blocks)
    }

    /// Gives blocks their owner, which must be their only one.
    pub(super) fn claim(
        &mut self,
        first: u64,
        count: u64,
        owner: impl Fn() -> String,
    ) -> Result<()> {
        let outside = |block| {
            let reason = format!("has block {block}, which is outside the file system");
            structure(owner(), reason)
        };
        // Without an end, the range would be shorter than `count`, and blocks would stay without an owner.
        let end = first.checked_add(count).ok_or_else(|| outside(first))?;
        for block in first..end {
            let mark = usize::try_from(block).ok();
            let Some(mark) = mark.and_then(|block| self.0.get_mut(block)) else {
                return Err(outside(block));
            };
            if std::mem::replace(mark, true) {
                let reason = format!("has block {block}, which has another owner");
                return Err(structure(owner(), reason));
            }
        }
        Ok(())
    }

    /// Checks that the block bitmaps mark exactly the owned blocks, and the bits behind the last block.
    pub(super) fn compare(&self, fs: &Filesystem) -> Result<()> {
        (0..)
            .zip(&fs.groups)
            .try_for_each(|(group, descriptor)| self.compare_group(fs, group, descriptor))
    }

    fn compare_group(
        &self,
        fs: &Filesystem,
        group: u64,
        descriptor: &BlockGroupDescriptor,
    ) -> Result<()> {
        let first = usize::try_from(first_block(fs, group)).unwrap_or(usize::MAX);
        let blocks = self.0.get(first..).unwrap_or_default();
        let blocks = blocks
            .get(..index(fs.sb.blocks_per_group))
            .unwrap_or(blocks);
        if descriptor.flags().contains(BgdFlags::BLOCK_UNINIT) {
            return check_unwritten(group, blocks, descriptor);
        }
        let bitmap = bitmap(fs, descriptor.block_bitmap)?;
        let marked = bits(&bitmap);
        // Behind the last block, every bit is set.
        let owned = blocks.iter().copied().chain(std::iter::repeat(true));
        match marked
            .zip(owned)
            .position(|(marked, owned)| marked != owned)
        {
            None => Ok(()),
            Some(bit) => {
                let reason = format!("the block bitmap is wrong about its block {bit}");
                Err(structure(format!("block group {group}"), reason))
            }
        }
    }
}

/// Checks a group whose bitmap was never written: its blocks that have an owner are those that are not free.
fn check_unwritten(group: u64, blocks: &[bool], descriptor: &BlockGroupDescriptor) -> Result<()> {
    let free = blocks.iter().filter(|is_owned| !**is_owned).count();
    if free == index(descriptor.free_blocks_count) {
        return Ok(());
    }
    let reason = "has blocks in use, but its block bitmap was never written";
    Err(structure(format!("block group {group}"), reason))
}

/// Returns the first block of a group.
fn first_block(fs: &Filesystem, group: u64) -> u64 {
    let start = group.saturating_mul(fs.sb.blocks_per_group.into());
    start.saturating_add(fs.sb.first_data_block.into())
}

/// Reads a bitmap.
pub(super) fn bitmap(fs: &Filesystem, block: u64) -> Result<Vec<u8>> {
    fs.read_block(block)
        .map_err(|error| from_engine(error, "/"))
}

/// Returns the bits of a bitmap, the lowest one of each byte first.
pub(super) fn bits(bitmap: &[u8]) -> impl Iterator<Item = bool> {
    let bits = |byte: &u8| {
        let byte = *byte;
        (0..8_u32).map(move |bit| byte.rotate_right(bit) & 1 == 1)
    };
    bitmap.iter().flat_map(bits)
}

/// Creates the error for a contradiction in a file or a group.
pub(super) fn structure(path: String, reason: impl Into<String>) -> Error {
    let reason = reason.into();
    Corrupt::Structure { path, reason }.into()
}

#[cfg(test)]
mod tests {
    use super::{Blocks, structure};

    #[test]
    fn blocks_past_the_last_number_are_outside() {
        let mut blocks = Blocks(vec![false; 8]);
        for first in [u64::MAX, u64::MAX - 1, 7] {
            let claimed = blocks.claim(first, 4, || "group 0".to_owned());
            let outside = if first == 7 { 8 } else { first };
            let reason = format!("has block {outside}, which is outside the file system");
            assert_eq!(claimed, Err(structure("group 0".to_owned(), reason)));
        }
    }
}
