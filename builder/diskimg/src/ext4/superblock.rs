//! The superblock, 1024 bytes at byte 1024: the fields that decide whether we may edit.
//!
//! Names are those of the kernel's documentation (`filesystems/ext4/super.rst`), offsets as there.

use super::features::{BITS_64, Features, METADATA_CSUM};
use crate::bytes::{array_at, u8_at, u16_at, u32_at};
use crate::crc::crc32c_raw;
use crate::error::{Corrupt, Result, Unsupported};
use crate::storage::{Storage, read_vec};

/// Where the superblock is, in bytes from the start of the file system.
pub(super) const OFFSET: u64 = 1024;
/// How long it is.
pub(super) const SIZE: usize = 1024;

const MAGIC: u16 = 0xEF53;
const CHECKSUM_AT: usize = 0x3FC;

/// What the superblock says; checked against itself, not yet against our wishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Superblock {
    pub(super) inodes_count: u32,
    pub(super) blocks_count: u64,
    pub(super) free_blocks: u64,
    pub(super) free_inodes: u32,
    pub(super) block_size: u64,
    pub(super) state: u16,
    pub(super) features: Features,
    pub(super) last_orphan: u32,
    pub(super) uuid: [u8; 16],
    pub(super) label: String,
    first_data_block: u32,
    blocks_per_group: u32,
    inodes_per_group: u32,
    revision: u32,
    inode_size: u16,
    descriptor_size: u16,
}

impl Superblock {
    /// Reads the superblock of the file system in `storage` and checks it against itself and the storage.
    pub(super) fn read(storage: &dyn Storage) -> Result<Self> {
        let superblock = Self::parse(storage)?;
        superblock.check_geometry(storage.size())?;
        Ok(superblock)
    }

    /// Reads the superblock; its geometry is still to be checked, which makes sense for known features only.
    pub(super) fn parse(storage: &dyn Storage) -> Result<Self> {
        let bytes = read_vec(storage, OFFSET, u64::try_from(SIZE).unwrap_or(0))?;
        Self::from_bytes(&array_at(&bytes, 0))
    }

    /// Parses one; magic number and checksum come first.
    fn from_bytes(bytes: &[u8; SIZE]) -> Result<Self> {
        let found = u16_at(bytes, 0x38);
        if found != MAGIC {
            return Err(Corrupt::SuperblockMagic { found }.into());
        }
        let features = Features {
            compat: u32_at(bytes, 0x5C),
            incompat: u32_at(bytes, 0x60),
            ro_compat: u32_at(bytes, 0x64),
        };
        check_checksum(bytes, features)?;
        let block_size = block_size(bytes)?;
        Ok(Self {
            inodes_count: u32_at(bytes, 0x00),
            blocks_count: wide(bytes, features, 0x04, 0x150),
            free_blocks: wide(bytes, features, 0x0C, 0x158),
            free_inodes: u32_at(bytes, 0x10),
            block_size,
            state: u16_at(bytes, 0x3A),
            features,
            last_orphan: u32_at(bytes, 0xE8),
            uuid: array_at(bytes, 0x68),
            label: label(&array_at(bytes, 0x78)),
            first_data_block: u32_at(bytes, 0x14),
            blocks_per_group: u32_at(bytes, 0x20),
            inodes_per_group: u32_at(bytes, 0x28),
            revision: u32_at(bytes, 0x4C),
            inode_size: u16_at(bytes, 0x58),
            descriptor_size: u16_at(bytes, 0xFE),
        })
    }

    /// Checks that the numbers fit each other and `size` bytes of storage.
    pub(super) fn check_geometry(&self, size: u64) -> Result<()> {
        self.check_layout()?;
        self.check_counts()?;
        let need = self.blocks_count.saturating_mul(self.block_size);
        if need > size {
            return Err(Corrupt::FilesystemPastEnd { need, size }.into());
        }
        Ok(())
    }

    /// Sizes that do not depend on the size of the file system.
    fn check_layout(&self) -> Result<()> {
        // One block holds the bitmap of a group.
        let most = self.block_size.saturating_mul(8);
        let (blocks, inodes) = (self.blocks_per_group, self.inodes_per_group);
        let fits = |count: u32| count >= 8 && count.is_multiple_of(8) && u64::from(count) <= most;
        let inode = self.inode_size;
        let inode_fits =
            inode.is_power_of_two() && inode >= 128 && u64::from(inode) <= self.block_size;
        let descriptor = self.descriptor_size;
        let is_wide = self.features.incompat & BITS_64 != 0;
        let descriptor_fits = !is_wide || matches!(descriptor, 64 | 128 | 256 | 512 | 1024);
        let first = u64::from(self.first_data_block);
        field(
            "s_first_data_block",
            first,
            first == self.expected_first_block(),
        )?;
        field("s_blocks_per_group", blocks, fits(blocks))?;
        field("s_inodes_per_group", inodes, fits(inodes))?;
        field("s_rev_level", self.revision, self.revision == 1)?;
        field("s_inode_size", inode, inode_fits)?;
        field("s_desc_size", descriptor, descriptor_fits)
    }

    /// Totals, and what is free of them.
    fn check_counts(&self) -> Result<()> {
        let first = self.expected_first_block();
        let blocks = self.blocks_count;
        field("s_blocks_count", blocks, blocks > first.saturating_add(8))?;
        let groups = blocks
            .saturating_sub(first)
            .div_ceil(u64::from(self.blocks_per_group).max(1));
        let inodes = groups.saturating_mul(self.inodes_per_group.into());
        let counted = u64::from(self.inodes_count);
        field("s_inodes_count", counted, counted == inodes)?;
        field(
            "s_free_blocks_count",
            self.free_blocks,
            self.free_blocks <= blocks,
        )?;
        let free = self.free_inodes;
        field("s_free_inodes_count", free, free <= self.inodes_count)
    }

    /// Block 0 of 1 KiB holds the boot sector alone; larger ones hold the superblock, too.
    fn expected_first_block(&self) -> u64 {
        u64::from(self.block_size == 1024)
    }
}

fn field(field: &'static str, value: impl Into<u64>, valid: bool) -> Result<()> {
    if valid {
        return Ok(());
    }
    let value = value.into();
    Err(Corrupt::SuperblockField { field, value }.into())
}

/// A count whose upper half exists with 64-bit block numbers only.
fn wide(bytes: &[u8; SIZE], features: Features, low: usize, high: usize) -> u64 {
    let high = match features.incompat & BITS_64 {
        0 => 0,
        _ => u64::from(u32_at(bytes, high)),
    };
    (high << 32) | u64::from(u32_at(bytes, low))
}

fn block_size(bytes: &[u8; SIZE]) -> Result<u64> {
    let log = u32_at(bytes, 0x18);
    match 1024_u64.checked_shl(log) {
        Some(size @ (1024 | 2048 | 4096)) => Ok(size),
        Some(bytes @ 8192..=65536) => Err(Unsupported::BlockSize { bytes }.into()),
        _ => field("s_log_block_size", log, false).map(|()| 0),
    }
}

fn check_checksum(bytes: &[u8; SIZE], features: Features) -> Result<()> {
    if features.ro_compat & METADATA_CSUM == 0 {
        return Ok(());
    }
    let kind = u8_at(bytes, 0x175);
    field("s_checksum_type", kind, kind == 1)?;
    let found = u32_at(bytes, CHECKSUM_AT);
    let expected = checksum(bytes);
    if found != expected {
        return Err(Corrupt::SuperblockChecksum { expected, found }.into());
    }
    Ok(())
}

pub(super) fn checksum(bytes: &[u8; SIZE]) -> u32 {
    let (checked, _) = bytes.split_at(CHECKSUM_AT);
    crc32c_raw(!0, checked)
}

fn label(field: &[u8; 16]) -> String {
    let name = field.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(name).into_owned()
}
