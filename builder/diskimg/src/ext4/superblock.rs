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
        let bits_per_block = self.block_size.saturating_mul(8);
        let first_data_block = u64::from(self.block_size == 1024);
        let blocks_per_group = u64::from(self.blocks_per_group);
        let inodes_per_group = u64::from(self.inodes_per_group);
        let descriptor_size = self.descriptor_size.into();
        let wide = self.features.incompat & BITS_64 != 0;
        let groups = self
            .blocks_count
            .saturating_sub(first_data_block)
            .div_ceil(blocks_per_group.max(1));
        let inodes = u64::from(self.inodes_count);
        field(
            "s_first_data_block",
            self.first_data_block.into(),
            |value| value == first_data_block,
        )?;
        field("s_blocks_per_group", blocks_per_group, |value| {
            value >= 8 && value.is_multiple_of(8) && value <= bits_per_block
        })?;
        field("s_inodes_per_group", inodes_per_group, |value| {
            value >= 8 && value.is_multiple_of(8) && value <= bits_per_block
        })?;
        field("s_rev_level", self.revision.into(), |value| value == 1)?;
        field("s_inode_size", self.inode_size.into(), |value| {
            value.is_power_of_two() && value >= 128 && value <= self.block_size
        })?;
        field("s_desc_size", descriptor_size, |value| {
            !wide || (value.is_power_of_two() && (64..=1024).contains(&value))
        })?;
        field("s_blocks_count", self.blocks_count, |value| {
            value > first_data_block.saturating_add(8)
        })?;
        field("s_inodes_count", inodes, |value| {
            value == groups.saturating_mul(inodes_per_group)
        })?;
        field("s_free_blocks_count", self.free_blocks, |value| {
            value <= self.blocks_count
        })?;
        field(
            "s_free_inodes_count",
            u64::from(self.free_inodes),
            |value| value <= inodes,
        )?;
        let need = self.blocks_count.saturating_mul(self.block_size);
        if need > size {
            return Err(Corrupt::FilesystemPastEnd { need, size }.into());
        }
        Ok(())
    }
}

fn field(field: &'static str, value: u64, valid: impl Fn(u64) -> bool) -> Result<()> {
    if valid(value) {
        return Ok(());
    }
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
        _ => field("s_log_block_size", u64::from(log), |_| false).map(|()| 0),
    }
}

fn check_checksum(bytes: &[u8; SIZE], features: Features) -> Result<()> {
    if features.ro_compat & METADATA_CSUM == 0 {
        return Ok(());
    }
    field("s_checksum_type", u64::from(u8_at(bytes, 0x175)), |value| {
        value == 1
    })?;
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
