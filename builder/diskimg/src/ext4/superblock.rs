//! The superblock, 1024 bytes at byte 1024: the fields that decide whether the file system can be edited.
//!
//! Specified in the kernel's documentation, `filesystems/ext4/super.rst`, whose names and offsets are used.

use std::num::NonZero;

use super::features::{BITS_64, Features, METADATA_CSUM};
use crate::disk_structure::DiskStructure;
use crate::error::{Corrupt, Result, Unsupported};
use crate::signatures::found_instead;
use crate::storage::Storage;
use crate::units::product;

/// The offset of the superblock in bytes from the start of the file system.
const OFFSET: u64 = 1024;
/// The length of the superblock in bytes.
pub(super) const SIZE: usize = 1024;

const MAGIC: u16 = 0xEF53;
const CHECKSUM_AT: usize = 0x3FC;

/// The fields of a superblock whose magic number and checksum are correct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Superblock {
    pub(super) inodes_count: u32,
    blocks_count: u64,
    pub(super) free_blocks_count: u64,
    pub(super) free_inodes_count: u32,
    /// Bytes per block: 1024, 2048 or 4096.
    pub(super) block_size: NonZero<u32>,
    pub(super) state: u16,
    pub(super) features: Features,
    /// The first inode on the orphan list, or zero.
    pub(super) last_orphan: u32,
    pub(super) uuid: [u8; 16],
    /// `s_volume_name` up to its first zero byte.
    pub(super) label: String,
    first_data_block: u32,
    blocks_per_group: u32,
    inodes_per_group: u32,
    rev_level: u32,
    inode_size: u16,
    desc_size: u16,
}

impl Superblock {
    /// Reads the superblock of the file system in `storage`, and checks that its numbers fit together and fit the
    /// size of the storage.
    pub(super) fn read(storage: &dyn Storage) -> Result<Self> {
        let superblock = Self::parse(storage)?;
        superblock.check_geometry(storage.size())?;
        Ok(superblock)
    }

    /// Reads the superblock without checking the geometry, which is defined only for known features.
    pub(super) fn parse(storage: &dyn Storage) -> Result<Self> {
        let record = DiskStructure::<SIZE>::read(storage, OFFSET)?;
        let found = record.u16::<0x38>();
        if found != MAGIC {
            let damage = Corrupt::SuperblockMagic { found };
            return Err(found_instead(storage, "an ext4 file system", damage));
        }
        let features = Features {
            compat: record.u32::<0x5C>(),
            incompat: record.u32::<0x60>(),
            ro_compat: record.u32::<0x64>(),
        };
        check_checksum(&record, features)?;
        // The upper halves exist only with 64-bit block numbers.
        let wide = |low: u32, high: u32| match features.incompat & BITS_64 {
            0 => low.into(),
            _ => (u64::from(high) << 32) | u64::from(low),
        };
        Ok(Self {
            inodes_count: record.u32::<0x00>(),
            blocks_count: wide(record.u32::<0x04>(), record.u32::<0x150>()),
            free_blocks_count: wide(record.u32::<0x0C>(), record.u32::<0x158>()),
            free_inodes_count: record.u32::<0x10>(),
            block_size: block_size(record.u32::<0x18>())?,
            state: record.u16::<0x3A>(),
            features,
            last_orphan: record.u32::<0xE8>(),
            uuid: record.bytes::<0x68, 16>(),
            label: until_zero(&record.bytes::<0x78, 16>()),
            first_data_block: record.u32::<0x14>(),
            blocks_per_group: record.u32::<0x20>(),
            inodes_per_group: record.u32::<0x28>(),
            rev_level: record.u32::<0x4C>(),
            inode_size: record.u16::<0x58>(),
            desc_size: record.u16::<0xFE>(),
        })
    }

    /// Checks that the numbers fit together, and that the file system is not larger than `size` bytes.
    pub(super) fn check_geometry(&self, size: u64) -> Result<()> {
        self.check_layout()?;
        self.check_counts()?;
        let need = self.bytes("s_blocks_count", self.blocks_count)?;
        if need > size {
            return Err(Corrupt::FilesystemPastEnd { need, size }.into());
        }
        Ok(())
    }

    /// Returns the size of the free blocks in bytes, including those reserved for root.
    pub(super) fn free_bytes(&self) -> Result<u64> {
        self.bytes("s_free_blocks_count", self.free_blocks_count)
    }

    /// Returns the size in bytes of the blocks that a field counts.
    fn bytes(&self, field: &'static str, value: u64) -> Result<u64> {
        let bytes = value.checked_mul(self.block_size.get().into());
        Ok(bytes.ok_or(Corrupt::SuperblockField { field, value })?)
    }

    /// Checks sizes that do not depend on the size of the file system.
    fn check_layout(&self) -> Result<()> {
        let block = self.block_size.get();
        // One block holds the bitmap of a group.
        let most = product(block, 8);
        let (blocks, inodes) = (self.blocks_per_group, self.inodes_per_group);
        let fits = |count: u32| count >= 8 && count.is_multiple_of(8) && u64::from(count) <= most;
        let inode = self.inode_size;
        let inode_fits = inode.is_power_of_two() && inode >= 128 && u32::from(inode) <= block;
        let descriptor = self.desc_size;
        let is_wide = self.features.incompat & BITS_64 != 0;
        let descriptor_fits = !is_wide || matches!(descriptor, 64 | 128 | 256 | 512 | 1024);
        let first = self.first_data_block;
        field(
            "s_first_data_block",
            first,
            first == self.expected_first_block(),
        )?;
        field("s_blocks_per_group", blocks, fits(blocks))?;
        field("s_inodes_per_group", inodes, fits(inodes))?;
        field("s_rev_level", self.rev_level, self.rev_level == 1)?;
        field("s_inode_size", inode, inode_fits)?;
        if self.features.ro_compat & METADATA_CSUM != 0 {
            self.check_checksums()?;
        }
        field("s_desc_size", descriptor, descriptor_fits)
    }

    /// Checks sizes that `rust-fs-ext4` or `ext4-view` does not support together with checksums.
    fn check_checksums(&self) -> Result<()> {
        let (block, inode) = (self.block_size.get(), self.inode_size);
        if inode == 128 {
            // `ext4-view` does not read them.
            return Err(Unsupported::InodeSize { bytes: inode }.into());
        }
        if block == 2048 {
            // `rust-fs-ext4` puts the checksum of a block of extents into the last four bytes: here it belongs before them.
            return Err(Unsupported::BlockSize { bytes: block }.into());
        }
        Ok(())
    }

    /// Checks the totals and the free counts.
    fn check_counts(&self) -> Result<()> {
        let blocks = self.blocks_count;
        let data = blocks.checked_sub(self.expected_first_block().into());
        let Some(data) = data.filter(|data| *data > 8) else {
            return field("s_blocks_count", blocks, false);
        };
        let groups = data.div_ceil(self.blocks_per_group.into());
        let inodes = u32::try_from(groups).map(|groups| product(groups, self.inodes_per_group));
        let counted = self.inodes_count;
        field("s_inodes_count", counted, inodes == Ok(counted.into()))?;
        let free = self.free_blocks_count;
        field("s_free_blocks_count", free, free <= blocks)?;
        let free = self.free_inodes_count;
        field("s_free_inodes_count", free, free <= counted)
    }

    /// Returns the first data block. A block of 1 KiB holds either the boot sector or the superblock; a larger one holds both.
    fn expected_first_block(&self) -> u32 {
        u32::from(self.block_size.get() == 1024)
    }
}

fn until_zero(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

fn field(field: &'static str, value: impl Into<u64>, valid: bool) -> Result<()> {
    if valid {
        return Ok(());
    }
    let value = value.into();
    Err(Corrupt::SuperblockField { field, value }.into())
}

fn block_size(log: u32) -> Result<NonZero<u32>> {
    let found = 1024_u32.checked_shl(log).and_then(NonZero::new);
    let value = log.into();
    let field = "s_log_block_size";
    match (found, log) {
        (Some(size), 0..=2) => Ok(size),
        (Some(bytes), 3..=6) => Err(Unsupported::BlockSize { bytes: bytes.get() }.into()),
        _ => Err(Corrupt::SuperblockField { field, value }.into()),
    }
}

fn check_checksum(record: &DiskStructure<SIZE>, features: Features) -> Result<()> {
    if features.ro_compat & METADATA_CSUM == 0 {
        return Ok(());
    }
    let kind = record.u8::<0x175>();
    field("s_checksum_type", kind, kind == 1)?;
    let found = record.u32::<CHECKSUM_AT>();
    let expected = checksum(record);
    if found != expected {
        return Err(Corrupt::SuperblockChecksum { expected, found }.into());
    }
    Ok(())
}

/// Returns the CRC-32C of the bytes before the checksum. Unlike the standard, ext4 does not invert the result.
pub(super) fn checksum(record: &DiskStructure<SIZE>) -> u32 {
    let checked = record.bytes::<0, CHECKSUM_AT>();
    !crc32c::crc32c(&checked)
}
