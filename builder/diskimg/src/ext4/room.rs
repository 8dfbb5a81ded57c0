//! Is there room? Asked before a change, and told when the engine ran out in the middle of one.

use fs_ext4::inode::Inode;

use super::failure::{from_engine, is_no_inode, is_no_space};
use super::writer::Writer;
use crate::error::{Error, Refused, Result};

/// Blocks a change may need beside the content: a grown folder, its index, extent tree nodes.
const SPARE_BLOCKS: u64 = 4;

/// What becomes free when something is replaced.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Freed {
    inodes: u32,
    sectors: u64,
}

impl Freed {
    /// What goes when one name of `inode` goes.
    pub(super) fn by(inode: &Inode) -> Self {
        match inode.links_count {
            1 => Self {
                inodes: 1,
                sectors: inode.blocks,
            },
            _ => Self::default(),
        }
    }
}

impl Writer {
    /// Refuses what will not fit, before anything is changed.
    pub(super) fn check_room(&self, path: &str, content: u64, freed: Freed) -> Result<()> {
        let superblock = self.superblock()?;
        if superblock.free_inodes == 0 && freed.inodes == 0 {
            return Err(self.no_inodes(path));
        }
        let size = superblock.block_size;
        let blocks = content.div_ceil(size);
        // One extent tree leaf per 340 (4 KiB) or 84 (1 KiB) pieces is the worst case; it is counted at a quarter,
        // a more broken file system fails in the middle instead.
        let need = blocks
            .saturating_add(blocks.checked_div(320).unwrap_or(0))
            .saturating_add(SPARE_BLOCKS);
        let freed = freed.sectors.saturating_mul(512).checked_div(size);
        let free = superblock.free_blocks.saturating_add(freed.unwrap_or(0));
        if need > free {
            return Err(Refused::NoSpace {
                path: path.to_owned(),
                need: need.saturating_mul(size),
                free: free.saturating_mul(size),
            }
            .into());
        }
        Ok(())
    }

    fn no_inodes(&self, path: &str) -> Error {
        let total = self
            .superblock()
            .map_or(0, |found| found.inodes_count.into());
        let path = path.to_owned();
        Refused::NoInodes { path, total }.into()
    }

    /// The engine's error, with "no space" and "no inodes" as refusals.
    pub(super) fn failed(&self, error: fs_ext4::Error, path: &str, need: u64) -> Error {
        if is_no_inode(&error) {
            return self.no_inodes(path);
        }
        if !is_no_space(&error) {
            return from_engine(error, path);
        }
        let free = self.superblock().map_or(0, |found| {
            found.free_blocks.saturating_mul(found.block_size)
        });
        let path = path.to_owned();
        Refused::NoSpace { path, need, free }.into()
    }
}
