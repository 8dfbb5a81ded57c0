//! May this file system be edited? Everything is checked before the first change.

use super::features::{Features, ORPHAN_PRESENT, RECOVER};
use super::superblock::Superblock;
use crate::error::{Refused, Result};
use crate::storage::Storage;

const STATE_CLEAN: u16 = 1;
const STATE_ERROR: u16 = 2;

/// What a file system that may be edited says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The volume label, empty when there is none.
    pub label: String,
    /// The UUID, in the order it is printed.
    pub uuid: [u8; 16],
    /// Bytes per block: 1024, 2048 or 4096.
    pub block_size: u64,
    /// All blocks, used or not.
    pub blocks: u64,
    /// Free blocks, those reserved for root included.
    pub free_blocks: u64,
    /// All inodes.
    pub inodes: u32,
    /// Free inodes.
    pub free_inodes: u32,
    /// The feature bits.
    pub features: Features,
}

/// Checks that the file system in `storage` is one we know, consistent as far as its superblock says, cleanly
/// unmounted and not larger than the storage. Only the superblock is read.
pub fn gate(storage: &dyn Storage) -> Result<Summary> {
    let superblock = Superblock::read(storage)?;
    superblock.features.check()?;
    check_clean(&superblock)?;
    Ok(Summary {
        label: superblock.label,
        uuid: superblock.uuid,
        block_size: superblock.block_size,
        blocks: superblock.blocks_count,
        free_blocks: superblock.free_blocks,
        inodes: superblock.inodes_count,
        free_inodes: superblock.free_inodes,
        features: superblock.features,
    })
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
