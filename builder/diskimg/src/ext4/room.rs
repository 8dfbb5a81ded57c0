//! Checks the free space before a change, and describes the engine's errors for lack of it.

use fs_ext4::inode::Inode;

use super::failure::{from_engine, is_no_inode, is_no_space};
use super::superblock::Superblock;
use crate::error::{Error, Refused, Result};
use crate::units::Sectors;

/// Blocks that a change may need in addition to the content: a larger directory, its index, extent tree nodes.
const SPARE_BLOCKS: u64 = 4;

/// The space that becomes free if something is replaced.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Freed {
    inodes: u32,
    sectors: u64,
}

impl Freed {
    /// Returns the space that becomes free if one name of `inode` is removed.
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

/// Fails if `content` bytes do not fit, before anything is changed.
pub(super) fn check_room(
    superblock: &Superblock,
    path: &str,
    content: u64,
    freed: Freed,
) -> Result<()> {
    if superblock.free_inodes_count == 0 && freed.inodes == 0 {
        return Err(no_inodes(path, superblock));
    }
    let free = superblock.free_bytes()?;
    let freed = freed.sectors.checked_mul(Sectors::SIZE);
    let need = need(content, superblock.block_size.get().into());
    let path = path.to_owned();
    match (freed.and_then(|freed| free.checked_add(freed)), need) {
        (Some(free), Some(need)) if need <= free => Ok(()),
        (Some(free), Some(need)) => Err(Refused::NoSpace { path, need, free }.into()),
        _ => Err(Refused::FileTooLarge {
            path,
            size: content,
        }
        .into()),
    }
}

/// Returns the engine's error, with "no space" and "no inodes" as [`Refused`].
pub(super) fn explain(
    error: fs_ext4::Error,
    superblock: impl FnOnce() -> Result<Superblock>,
    path: &str,
    need: u64,
) -> Error {
    let (no_inode, no_space) = (is_no_inode(&error), is_no_space(&error));
    if !no_inode && !no_space {
        return from_engine(error, path);
    }
    let free = |superblock: &Superblock| superblock.free_bytes();
    match superblock().and_then(|found| Ok((free(&found)?, found))) {
        Ok((_, superblock)) if no_inode => no_inodes(path, &superblock),
        Ok((free, _)) => {
            let path = path.to_owned();
            Refused::NoSpace { path, need, free }.into()
        }
        Err(error) => error,
    }
}

/// Returns the bytes of all blocks that `content` bytes need, if they fit into 64 bits.
///
/// In the worst case there is one extent tree leaf for 340 (4 KiB) or 84 (1 KiB) extents. It is counted at a quarter;
/// on a more fragmented file system the change itself fails.
fn need(content: u64, block_size: u64) -> Option<u64> {
    let blocks = content.div_ceil(block_size);
    let all = blocks
        .checked_add(blocks / 320)?
        .checked_add(SPARE_BLOCKS)?;
    all.checked_mul(block_size)
}

fn no_inodes(path: &str, superblock: &Superblock) -> Error {
    let (path, total) = (path.to_owned(), superblock.inodes_count);
    Refused::NoInodes { path, total }.into()
}
