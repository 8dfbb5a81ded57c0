//! The `FSInfo` sector of FAT32: how many clusters are free, and where to look for the next free one.
//!
//! Specified in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103), "FAT32 `FSInfo` Sector Structure".

use crate::disk_structure::DiskStructure;
use crate::error::{Corrupt, Result};
use crate::storage::Storage;

const FREE_COUNT_AT: usize = 488;
const NEXT_FREE_AT: usize = 492;
/// The value of a field that is not known.
const UNKNOWN: u32 = u32::MAX;

/// Sets the free count of the sector at byte `offset` to `free`, and clears a next free cluster that is not below
/// `end`. Both libraries rely on these numbers, and `fsck.vfat` reports wrong ones.
pub(super) fn correct(storage: &dyn Storage, offset: u64, free: u32, end: u32) -> Result<()> {
    let sector = read(storage, offset)?;
    let (found, next) = (sector.u32::<FREE_COUNT_AT>(), sector.u32::<NEXT_FREE_AT>());
    let valid = if (2..end).contains(&next) {
        next
    } else {
        UNKNOWN
    };
    if (found, next) == (free, valid) {
        return Ok(());
    }
    let mut bytes = sector.0;
    let (_, fields) = bytes.split_at_mut(FREE_COUNT_AT);
    let (fields, _) = fields.split_at_mut(8);
    fields.copy_from_slice(&[free, valid].map(u32::to_le_bytes).concat());
    storage.write_at(offset, &bytes)
}

/// Reads the sector at byte `offset` and checks its three signatures.
pub(super) fn read(storage: &dyn Storage, offset: u64) -> Result<DiskStructure<512>> {
    let sector = DiskStructure::read(storage, offset)?;
    match [sector.u32::<0>(), sector.u32::<484>(), sector.u32::<508>()] {
        [0x4161_5252, 0x6141_7272, 0xAA55_0000] => Ok(sector),
        _ => Err(Corrupt::FsInfo { offset }.into()),
    }
}
