//! Checks the fields of an inode, each on its own.
//!
//! Inodes are specified in the kernel's documentation, `filesystems/ext4/inodes.rst`.

use fs_ext4::Filesystem;
use fs_ext4::inode::Inode;

use super::features::BITS_64;
use crate::disk_structure::DiskStructure;
use crate::error::Result;

use super::blocks::structure;

/// `s_feature_ro_compat`: files may have 2^31 bytes and more.
const LARGE_FILE: u32 = 0x2;
/// `s_feature_ro_compat`: files may have more than 2^32 sectors.
const HUGE_FILE: u32 = 0x8;
/// `i_flags`: a directory with an index.
pub(super) const INDEXED: u32 = 0x1000;
/// `i_flags` of unsupported features: encrypted, AFS, inline data, case folding.
const FOREIGN: u32 = 0x800 | 0x2000 | 0x1000_0000 | 0x4000_0000;
/// `i_flags`: immutable or append-only.
const FROZEN: u32 = 0x10 | 0x20;
/// The length of an inode without the fields that `i_extra_isize` counts.
const PLAIN: usize = 128;

/// Returns what is wrong with a field of an inode that is in use, if anything.
pub(super) fn fault(fs: &Filesystem, inode: &Inode, raw: &[u8]) -> Option<&'static str> {
    let (incompat, ro_compat) = (fs.sb.feature_incompat, fs.sb.feature_ro_compat);
    let fields = raw.first_chunk().copied();
    let fields = fields.map_or(DiskStructure([0; PLAIN]), DiskStructure::<PLAIN>);
    let is_special = !inode.is_file() && !inode.is_dir();
    if inode.dtime != 0 {
        Some("is in use but has a time of deletion")
    } else if fields.u32::<0x70>() != 0 {
        Some("has a fragment")
    } else if fields.u16::<0x74>() != 0 && ro_compat & HUGE_FILE == 0 {
        Some("has too many sectors")
    } else if fields.u16::<0x76>() != 0 && incompat & BITS_64 == 0 {
        Some("has attributes outside the file system")
    } else if inode.flags & FOREIGN != 0 {
        Some("has flags of features that the file system does not have")
    } else if inode.flags & INDEXED != 0 && !inode.is_dir() {
        Some("has an index but is no directory")
    } else if is_special && inode.mode != 0 && inode.flags & FROZEN != 0 {
        Some("is a special file with the flag of a frozen one")
    } else if inode.size > most(fs) || (inode.size > 0x7FFF_FFFF && ro_compat & LARGE_FILE == 0) {
        Some("is larger than the file system allows")
    } else if !has_valid_extra_size(raw) {
        Some("has additional fields of the wrong size")
    } else {
        None
    }
}

/// Returns the size of the largest file: the number of a block in a file has 32 bits.
fn most(fs: &Filesystem) -> u64 {
    u64::from(fs.sb.block_size()) << 32
}

/// Checks `i_extra_isize`, which exists if an inode is longer than 128 bytes.
fn has_valid_extra_size(raw: &[u8]) -> bool {
    let Some((_, extra)) = raw.split_at_checked(PLAIN) else {
        return true;
    };
    let Some(size) = extra.first_chunk().copied().map(u16::from_le_bytes) else {
        return true;
    };
    let size = usize::from(size);
    size == 0 || ((4..=extra.len()).contains(&size) && size.is_multiple_of(4))
}

/// Checks the checksum of an inode, which an inode that was never used does not have.
pub(super) fn check_checksum(fs: &Filesystem, number: u32, raw: &[u8]) -> Result<()> {
    let generation = raw.get(0x64..).and_then(<[u8]>::first_chunk).copied();
    let generation = generation.map_or(0, u32::from_le_bytes);
    let is_right =
        raw.iter().all(|byte| *byte == 0) || fs.csum.verify_inode(number, generation, raw);
    match is_right {
        true => Ok(()),
        false => Err(structure(format!("inode {number}"), "has a wrong checksum")),
    }
}

/// Checks a free inode, which has no links, and a time of deletion if it was ever used.
pub(super) fn check_free(number: u32, raw: &[u8]) -> Result<()> {
    let fields = raw.first_chunk().copied().map(DiskStructure::<PLAIN>);
    let (mode, deleted, links) = fields.map_or((0, 0, 0), |fields| {
        (
            fields.u16::<0>(),
            fields.u32::<0x14>(),
            fields.u16::<0x1A>(),
        )
    });
    match links == 0 && (mode == 0 || deleted != 0) {
        true => Ok(()),
        false => Err(structure(
            format!("inode {number}"),
            "is free but not deleted",
        )),
    }
}

/// Checks a reserved inode without a purpose, which is empty. The first one would list bad blocks.
pub(super) fn check_reserved(number: u32, raw: &[u8]) -> Result<()> {
    let fields = raw.first_chunk().copied();
    let fields = fields.map_or(DiskStructure([0; PLAIN]), DiskStructure::<PLAIN>);
    let (mode, deleted, flags) = (
        fields.u16::<0>(),
        fields.u32::<0x14>(),
        fields.u32::<0x20>(),
    );
    let attributes = (fields.u32::<0x68>(), fields.u16::<0x76>());
    let is_empty = (mode, deleted, flags, attributes) == (0, 0, 0, (0, 0));
    match is_empty && fields.bytes::<0x28, 60>() == [0; 60] {
        true => Ok(()),
        false => Err(structure(
            format!("inode {number}"),
            "is reserved but not empty",
        )),
    }
}
