//! Checks inodes other than files and directories: symbolic links, devices, pipes and sockets.
//!
//! Specified in the kernel's documentation, `filesystems/ext4/inodes.rst` and `filesystems/ext4/special_inodes.rst`.

use fs_ext4::Filesystem;
use fs_ext4::dir::DirEntryType;
use fs_ext4::inode::Inode;

use super::failure::from_engine;
use super::mapping::Mapping;
use crate::error::Result;
use crate::units::length;

/// `i_flags`: `i_block` holds extents.
const EXTENTS: u32 = 0x8_0000;
/// The size from which the target of a link is in a block.
pub(super) const LONG_LINK: u64 = 60;

/// Returns what is wrong with an inode that is in use, if anything. `owner` names it in errors.
pub(super) fn fault(
    fs: &Filesystem,
    inode: &Inode,
    mapping: &Mapping,
    owner: &str,
) -> Result<Option<&'static str>> {
    let is_plain = inode.flags & EXTENTS == 0 && inode.size == 0;
    Ok(match DirEntryType::from_mode(inode.mode) {
        DirEntryType::RegFile | DirEntryType::Directory => None,
        DirEntryType::Unknown => Some("has no type"),
        DirEntryType::Symlink => match target(fs, inode, mapping, owner)? {
            Some(target) if has_end(&target, inode.size) => None,
            _ => Some("is a symbolic link without a target"),
        },
        _ if is_plain => None,
        _ => Some("is a special file with content"),
    })
}

/// Returns the bytes that hold the target of a link.
fn target(
    fs: &Filesystem,
    inode: &Inode,
    mapping: &Mapping,
    owner: &str,
) -> Result<Option<Vec<u8>>> {
    if inode.size < LONG_LINK {
        let is_short = inode.flags & EXTENTS == 0;
        return Ok(is_short.then(|| inode.block.to_vec()));
    }
    let blocks: Vec<_> = mapping.blocks().collect();
    match blocks.as_slice() {
        [(0, block)] if mapping.nodes.is_empty() => {
            let bytes = fs.read_block(*block);
            bytes.map(Some).map_err(|error| from_engine(error, owner))
        }
        _ => Ok(None),
    }
}

/// Returns whether the first zero ends a text of this size.
fn has_end(bytes: &[u8], size: u64) -> bool {
    let end = bytes.iter().position(|byte| *byte == 0);
    let text = end.and_then(|end| bytes.get(..end));
    size > 0 && text.map(length) == Some(size)
}
