//! The `FSInfo` sector of FAT32: two hints, how many clusters are free and where to look for the next one.

use crate::bytes::{put, u32_at};
use crate::error::{Corrupt, Result};
use crate::storage::{Storage, read_vec};

use super::boot::SECTOR;

/// Brings the free count of the sector at byte `offset` up to `free`, and forgets a position that is no cluster
/// below `end`. Both libraries trust these numbers, and `fsck.vfat` complains about wrong ones.
pub(super) fn correct(storage: &dyn Storage, offset: u64, free: u32, end: u32) -> Result<()> {
    let mut sector = read_vec(storage, offset, SECTOR)?;
    check(&sector, offset)?;
    let before = sector.clone();
    put(&mut sector, 488, &free.to_le_bytes());
    if !(2..end).contains(&u32_at(&sector, 492)) {
        put(&mut sector, 492, &u32::MAX.to_le_bytes());
    }
    if sector != before {
        storage.write_at(offset, &sector)?;
    }
    Ok(())
}

/// Refuses a sector without the three signatures.
pub(super) fn check(sector: &[u8], offset: u64) -> Result<()> {
    let signatures = [u32_at(sector, 0), u32_at(sector, 484), u32_at(sector, 508)];
    match signatures {
        [0x4161_5252, 0x6141_7272, 0xAA55_0000] => Ok(()),
        _ => Err(Corrupt::FsInfo { offset }.into()),
    }
}
