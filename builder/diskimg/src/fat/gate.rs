//! Decides whether a volume can be edited safely. Everything is checked before the first change.

use super::boot::{BootSector, FatKind};
use super::chains::AllocationTable;
use super::fs_info;
use crate::error::{Refused, Result};
use crate::storage::{Storage, read_vec};

/// Checks that the volume in `storage` can be edited.
///
/// It must be FAT16 or FAT32, not larger than the storage, and cleanly unmounted, and its cluster chains must end.
/// The boot sector, the `FSInfo` sector and the first allocation table are read.
pub fn gate(storage: &dyn Storage) -> Result<()> {
    examine(storage).map(drop)
}

/// Returns the boot sector and the number of free clusters of a volume that can be edited.
pub(super) fn examine(storage: &dyn Storage) -> Result<(BootSector, u32)> {
    let (boot, table) = load(storage)?;
    check_clean(&boot, &table)?;
    let free = table.check()?;
    Ok((boot, free))
}

/// Returns the boot sector and the number of free clusters of a volume that can be read, clean or not.
pub(super) fn examine_for_reading(storage: &dyn Storage) -> Result<(BootSector, u32)> {
    let (boot, table) = load(storage)?;
    let free = table.check()?;
    Ok((boot, free))
}

/// Returns the boot sector and the first allocation table.
pub(super) fn load(storage: &dyn Storage) -> Result<(BootSector, AllocationTable)> {
    let boot = BootSector::read(storage)?;
    if let Some(offset) = boot.fs_info {
        fs_info::read(storage, offset)?;
    }
    let bytes = read_vec(storage, boot.fat_start, boot.fat_len)?;
    let table = AllocationTable::from_bytes(boot.kind, &bytes, boot.end);
    Ok((boot, table))
}

/// The bits of the state byte that have a meaning: mounted, disk error.
const STATE_BITS: u8 = 3;

/// Checks that the volume is clean. Linux sets bit 0 of the boot sector's state byte while a volume is mounted. Windows
/// clears the top two data bits of the second table entry: "was unmounted" and "no disk errors".
pub(super) fn check_clean(boot: &BootSector, table: &AllocationTable) -> Result<()> {
    let fat = table.entry(1)?;
    let clean_bits = match boot.kind {
        FatKind::Fat16 => 0xC000,
        FatKind::Fat32 => 0x0C00_0000,
    };
    if boot.state & STATE_BITS == 0 && fat & clean_bits == clean_bits {
        return Ok(());
    }
    let boot = boot.state;
    Err(Refused::DirtyFat { boot, fat }.into())
}
