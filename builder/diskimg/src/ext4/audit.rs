//! Compares the allocation bitmaps with the free counts and the owners of blocks, and the inodes with the directories.
//!
//! Bitmaps are specified in the kernel's documentation, `filesystems/ext4/bitmaps.rst`, their checksums in
//! `filesystems/ext4/group_descr.rst`.

use std::sync::Arc;

use fs_ext4::Filesystem;
use fs_ext4::bgd::{BgdFlags, BlockGroupDescriptor};
use fs_ext4::fsck::Anomaly;
use fs_ext4::superblock::Superblock;

use super::device::Ext4Device;
use super::failure::from_engine;
use super::features::BITS_64;
use super::gate::gate;
use super::inodes;
use crate::disk_structure::DiskStructure;
use crate::error::{Corrupt, Error, Result};
use crate::storage::Storage;
use crate::units::index;

/// Checks the file system in `storage`, which must pass the [`gate`].
pub(crate) fn audit(storage: Arc<dyn Storage>) -> Result<()> {
    gate(storage.as_ref())?;
    let failed = |error| from_engine(error, "/");
    // A lazy mount does not replay the journal, which would write.
    let fs = Filesystem::mount_lazy(Arc::new(Ext4Device::new(storage))).map_err(failed)?;
    check_superblock(&fs.sb)?;
    for (group, descriptor) in (0..).zip(&fs.groups) {
        check_bitmaps(&fs, group, descriptor)?;
    }
    let report = fs_ext4::fsck::audit(&fs, u32::MAX, u32::MAX).map_err(failed)?;
    match report.anomalies.first() {
        Some(first) => Err(contradiction(first)),
        None => inodes::check(&fs, report.directories_scanned),
    }
}

/// Checks the fields that no code here reads but the kernel does: a cluster is a block, the journal has its own inode and is
/// on no other device, and inodes for quotas belong to features that are not supported.
fn check_superblock(sb: &Superblock) -> Result<()> {
    const HAS_JOURNAL: u32 = 0x4;
    const JOURNAL: u32 = 8;
    let record = sb.raw.first_chunk().copied();
    let record = record.map_or(DiskStructure([0; 1024]), DiskStructure::<1024>);
    let journal = match sb.feature_compat & HAS_JOURNAL {
        0 => 0,
        _ => JOURNAL,
    };
    let has_journal_uuid = record.bytes::<0xD0, 16>() != [0; 16];
    check_reserve(sb, &record)?;
    let fields = [
        (
            "s_log_cluster_size",
            record.u32::<0x1C>(),
            sb.log_block_size,
        ),
        (
            "s_clusters_per_group",
            record.u32::<0x24>(),
            sb.blocks_per_group,
        ),
        ("s_journal_inum", record.u32::<0xE0>(), journal),
        ("s_journal_dev", record.u32::<0xE4>(), 0),
        ("s_journal_uuid", u32::from(has_journal_uuid), 0),
        ("s_usr_quota_inum", record.u32::<0x240>(), 0),
        ("s_grp_quota_inum", record.u32::<0x244>(), 0),
        ("s_prj_quota_inum", record.u32::<0x26C>(), 0),
    ];
    match fields
        .into_iter()
        .find(|(_, found, expected)| found != expected)
    {
        None => Ok(()),
        Some((field, found, _)) => {
            let value = found.into();
            Err(Corrupt::SuperblockField { field, value }.into())
        }
    }
}

/// Checks that at most half of the blocks are reserved for root.
fn check_reserve(sb: &Superblock, record: &DiskStructure<1024>) -> Result<()> {
    let high = match sb.feature_incompat & BITS_64 {
        0 => 0,
        _ => record.u32::<0x154>(),
    };
    let value = u64::from(high) << 32 | u64::from(record.u32::<0x08>());
    let field = "s_r_blocks_count";
    match value > sb.blocks_count >> 1 {
        true => Err(Corrupt::SuperblockField { field, value }.into()),
        false => Ok(()),
    }
}

/// Checks the checksums of a group's bitmaps. A bitmap that was never initialized has none.
fn check_bitmaps(fs: &Filesystem, group: u32, descriptor: &BlockGroupDescriptor) -> Result<()> {
    if !fs.csum.enabled {
        return Ok(());
    }
    let (sb, flags) = (&fs.sb, descriptor.flags());
    let bitmaps = [
        (
            "block",
            BgdFlags::BLOCK_UNINIT,
            descriptor.block_bitmap,
            sb.blocks_per_group,
            descriptor.block_bitmap_csum,
        ),
        (
            "inode",
            BgdFlags::INODE_UNINIT,
            descriptor.inode_bitmap,
            sb.inodes_per_group,
            descriptor.inode_bitmap_csum,
        ),
    ];
    // Descriptors of 32 bytes hold the lower half of a checksum.
    let stored_bits = match sb.feature_incompat & BITS_64 {
        0 => 0xFFFF,
        _ => u32::MAX,
    };
    for (bitmap, uninitialized, block, bits, stored) in bitmaps {
        if flags.contains(uninitialized) {
            continue;
        }
        let bytes = fs
            .read_block(block)
            .map_err(|error| from_engine(error, "/"))?;
        let counted = bytes.get(..index(bits / 8));
        if counted.map(|counted| fs.csum.crc(counted) & stored_bits) != Some(stored) {
            return Err(Corrupt::BitmapChecksum { bitmap, group }.into());
        }
    }
    Ok(())
}

fn contradiction(found: &Anomaly) -> Error {
    match found {
        &Anomaly::BlockGroupFreeCountDrift {
            group_index: group,
            stored_blocks,
            observed_blocks,
            stored_inodes,
            observed_inodes,
        } => {
            let (unit, stated, counted) = match stored_blocks == observed_blocks {
                false => ("blocks", stored_blocks, observed_blocks),
                true => ("inodes", stored_inodes, observed_inodes),
            };
            Corrupt::FreeCount {
                group,
                unit,
                stated,
                counted,
            }
            .into()
        }
        other => {
            let (inode, reason) = describe(other);
            let path = inode.map_or_else(|| "/".to_owned(), |inode| format!("inode {inode}"));
            Corrupt::Structure { path, reason }.into()
        }
    }
}

/// Returns the inode that contradicts another structure, if it is one, and what is wrong.
fn describe(found: &Anomaly) -> (Option<u32>, String) {
    match found {
        Anomaly::LinkCountTooLow {
            ino,
            stored,
            observed,
        }
        | Anomaly::LinkCountTooHigh {
            ino,
            stored,
            observed,
        } => {
            let reason = format!("has {stored} links, {observed} names were found");
            (Some(*ino), reason)
        }
        Anomaly::DanglingEntry {
            parent_ino,
            child_ino,
            ..
        } => {
            let reason = format!("has an entry for inode {child_ino}, which is not in use");
            (Some(*parent_ino), reason)
        }
        Anomaly::WrongDotDot {
            dir_ino, claims, ..
        } => (Some(*dir_ino), format!("has the wrong parent {claims}")),
        Anomaly::BogusEntry {
            parent_ino,
            child_ino,
            ..
        } => {
            let reason = format!("calls inode {child_ino} a directory, which it is not");
            (Some(*parent_ino), reason)
        }
        Anomaly::DuplicateDirentForDirInode { ino, .. } => {
            let reason = "is a directory with several names".to_owned();
            (Some(*ino), reason)
        }
        Anomaly::DirBlockChecksumMismatch {
            dir_ino,
            logical_block,
            ..
        } => {
            let reason = format!("has a wrong checksum in directory block {logical_block}");
            (Some(*dir_ino), reason)
        }
        Anomaly::UnreadableDirectory { ino, reason } => (Some(*ino), reason.clone()),
        Anomaly::SuperblockFreeCountDrift { .. } => {
            let reason = "the free counts of the superblock differ from the bitmaps".to_owned();
            (None, reason)
        }
        other => (None, format!("{other:?}")),
    }
}
