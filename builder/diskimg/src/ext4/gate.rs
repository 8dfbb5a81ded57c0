//! Decides whether a file system can be edited safely. Everything is checked before the first change.

use super::features::{ORPHAN_PRESENT, RECOVER};
use super::superblock::Superblock;
use crate::error::{Refused, Result};
use crate::storage::Storage;

const STATE_CLEAN: u16 = 1;
const STATE_ERROR: u16 = 2;

/// Checks that the file system in `storage` can be edited.
///
/// It must have known features, be consistent as far as its superblock states, be cleanly unmounted and not larger
/// than the storage. Only the superblock is read; [`Ext4Writer::open`](super::Ext4Writer::open) also checks that the journal
/// is empty.
pub fn gate(storage: &dyn Storage) -> Result<()> {
    let superblock = Superblock::parse(storage)?;
    superblock.features.check()?;
    superblock.check_geometry(storage.size())?;
    check_clean(&superblock)
}

fn check_clean(superblock: &Superblock) -> Result<()> {
    let state = superblock.state;
    let refused = if superblock.features.incompat & RECOVER != 0 {
        Refused::JournalNeedsRecovery
    } else if superblock.last_orphan != 0 {
        let first = superblock.last_orphan;
        Refused::OrphanList { first }
    } else if superblock.features.ro_compat & ORPHAN_PRESENT != 0 {
        Refused::OrphanFile
    } else if state & STATE_ERROR != 0 {
        Refused::ErrorState { state }
    } else if state & STATE_CLEAN == 0 {
        Refused::NotClean { state }
    } else {
        return Ok(());
    };
    Err(refused.into())
}

#[cfg(test)]
mod tests {
    use super::gate;
    use crate::disk_structure::DiskStructure;
    use crate::error::{Corrupt, Error, Refused, StorageError, Unsupported};
    use crate::ext4::FeatureSet;
    use crate::ext4::superblock::{SIZE, checksum};
    use crate::storage::Memory;

    /// The fields that the gate reads, as `mke2fs` writes them for 16 MiB in one group, 64-bit and with checksums.
    const VALID: [(usize, &[u8]); 19] = [
        (0x00, &[0, 16]),      // s_inodes_count: 4096
        (0x04, &[0, 16]),      // s_blocks_count_lo: 4096
        (0x0C, &[0xE8, 3]),    // s_free_blocks_count_lo: 1000
        (0x10, &[0xA0, 15]),   // s_free_inodes_count: 4000
        (0x18, &[2]),          // s_log_block_size: 4096
        (0x20, &[0, 0x80]),    // s_blocks_per_group: 32768
        (0x28, &[0, 16]),      // s_inodes_per_group: 4096
        (0x38, &[0x53, 0xEF]), // s_magic
        (0x3A, &[1]),          // s_state: clean
        (0x4C, &[1]),          // s_rev_level
        (0x58, &[0, 1]),       // s_inode_size: 256
        (0x5C, &[0x3C]),       // s_feature_compat
        (0x60, &[0xC2, 2]),    // s_feature_incompat
        (0x64, &[0x6B, 4]),    // s_feature_ro_compat
        (0x68, &[1, 2, 3]),    // s_uuid
        (0x78, b"rootfs"),     // s_volume_name
        (0xE8, &[0]),          // s_last_orphan
        (0xFE, &[64]),         // s_desc_size
        (0x175, &[1]),         // s_checksum_type: crc32c
    ];

    /// Returns 16 MiB with that superblock, changed to `bytes` at `at`, and with a correct checksum.
    fn spoiled(at: usize, bytes: &[u8]) -> Memory {
        let mut superblock = [0; SIZE];
        for (at, bytes) in VALID.iter().copied().chain([(at, bytes)]) {
            superblock[at..at + bytes.len()].copy_from_slice(bytes);
        }
        let sum = checksum(&DiskStructure(superblock)).to_le_bytes();
        superblock[0x3FC..].copy_from_slice(&sum);
        image(&superblock)
    }

    fn image(superblock: &[u8]) -> Memory {
        let mut image = vec![0; 16 << 20];
        image[1024..2048].copy_from_slice(superblock);
        Memory::new(image)
    }

    #[test]
    fn accepts_a_valid_file_system() {
        assert_eq!(gate(&spoiled(0, &[])), Ok(()));
    }

    #[test]
    fn rejects_a_file_system_that_is_not_clean() {
        let cases: [(usize, &[u8], Refused); 6] = [
            (0x60, &[0xC6, 2], Refused::JournalNeedsRecovery),
            (0xE8, &[12], Refused::OrphanList { first: 12 }),
            (0x64, &[0x6B, 4, 1], Refused::OrphanFile),
            (0x3A, &[3], Refused::ErrorState { state: 3 }),
            (0x3A, &[2], Refused::ErrorState { state: 2 }),
            (0x3A, &[0], Refused::NotClean { state: 0 }),
        ];
        for (at, bytes, expected) in cases {
            assert_eq!(gate(&spoiled(at, bytes)), Err(Error::Refused(expected)));
        }
    }

    #[test]
    fn rejects_unknown_and_missing_features() {
        use FeatureSet::{Compat, Incompat, RoCompat};
        let cases: [(usize, &[u8], FeatureSet, u32); 5] = [
            (0x5C, &[0x3C, 4], Compat, 0x400),
            (0x60, &[0xC2, 0x82], Incompat, 0x8000),
            (0x60, &[0xC2, 2, 3], Incompat, 0x3_0000),
            (0x64, &[0x6B, 5], RoCompat, 0x100),
            (0x64, &[0x6B, 4, 0, 0x80], RoCompat, 0x8000_0000),
        ];
        for (at, bytes, set, bits) in cases {
            let expected = Unsupported::Feature { set, bits };
            assert_eq!(gate(&spoiled(at, bytes)), Err(Error::Unsupported(expected)));
        }
        let (set, bits) = (Incompat, 0x40);
        let ext3 = Unsupported::MissingFeature { set, bits };
        let error = gate(&spoiled(0x60, &[0x82]));
        assert_eq!(error, Err(Error::Unsupported(ext3)));
    }

    #[test]
    fn rejects_invalid_fields() {
        let cases: [(usize, &[u8], &str, u64); 14] = [
            (0x14, &[1], "s_first_data_block", 1),
            (0x18, &[200], "s_log_block_size", 200),
            (0x20, &[0, 0], "s_blocks_per_group", 0),
            (0x20, &[8, 0x80], "s_blocks_per_group", 0x8008),
            (0x28, &[0, 0], "s_inodes_per_group", 0),
            (0x28, &[8, 0], "s_inodes_count", 4096),
            (0x4C, &[0], "s_rev_level", 0),
            (0x58, &[0, 0], "s_inode_size", 0),
            (0x58, &[1, 1], "s_inode_size", 257),
            (0xFE, &[32], "s_desc_size", 32),
            (0x04, &[0, 0], "s_blocks_count", 0),
            (0x00, &[1, 16], "s_inodes_count", 4097),
            (0x0C, &[1, 16], "s_free_blocks_count", 4097),
            (0x175, &[2], "s_checksum_type", 2),
        ];
        for (at, bytes, field, value) in cases {
            let expected = Corrupt::SuperblockField { field, value };
            assert_eq!(gate(&spoiled(at, bytes)), Err(Error::Corrupt(expected)));
        }
    }

    #[test]
    fn rejects_a_missing_superblock_and_a_file_system_larger_than_its_storage() {
        let magic = Corrupt::SuperblockMagic { found: 0xEF52 };
        assert_eq!(gate(&spoiled(0x38, &[0x52])), Err(Error::Corrupt(magic)));
        let (need, size) = (4097 * 4096, 16 << 20);
        let larger = Corrupt::FilesystemPastEnd { need, size };
        assert_eq!(gate(&spoiled(0x04, &[1])), Err(Error::Corrupt(larger)));
        let blocks = Unsupported::BlockSize { bytes: 65_536 };
        assert_eq!(gate(&spoiled(0x18, &[6])), Err(Error::Unsupported(blocks)));
        let short = StorageError::OutOfRange {
            offset: 1024,
            len: 1024,
            size: 2000,
        };
        let found = gate(&Memory::new(vec![0; 2000]));
        assert_eq!(found, Err(Error::Storage(short)));
    }

    #[test]
    fn rejects_a_wrong_checksum() {
        use crate::storage::Storage;
        let memory = spoiled(0, &[]);
        let mut superblock = [0; SIZE];
        memory.read_at(1024, &mut superblock).unwrap();
        superblock[0x79] = b'!';
        let found = u32::from_le_bytes(superblock[0x3FC..].try_into().unwrap());
        let expected = checksum(&DiskStructure(superblock));
        let wrong = Corrupt::SuperblockChecksum { expected, found };
        assert_eq!(gate(&image(&superblock)), Err(Error::Corrupt(wrong)));
    }
}
