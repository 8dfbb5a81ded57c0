//! May this volume be edited? Everything is checked before the first change.

use super::boot::{Boot, FatKind, SECTOR};
use super::chains::Table;
use super::info;
use crate::error::{Refused, Result};
use crate::storage::{Storage, read_vec};

/// What a volume that may be edited says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// FAT16 or FAT32.
    pub kind: FatKind,
    /// The label in the boot sector, without its padding; `NO NAME` when there is none.
    pub label: String,
    /// The volume serial number.
    pub serial: u32,
    /// Bytes per cluster.
    pub cluster_size: u64,
    /// All clusters, used or not.
    pub clusters: u32,
    /// Free clusters, counted in the table.
    pub free_clusters: u32,
}

/// Checks that the volume in `storage` is FAT16 or FAT32, not larger than the storage, cleanly unmounted, and that
/// its cluster chains end. The boot sector, the `FSInfo` sector and the first FAT are read.
pub fn gate(storage: &dyn Storage) -> Result<Summary> {
    let (boot, free_clusters) = examine(storage)?;
    Ok(Summary {
        kind: boot.kind,
        label: boot.label,
        serial: boot.serial,
        cluster_size: boot.cluster_size,
        clusters: boot.clusters,
        free_clusters,
    })
}

/// The boot sector of a volume that may be edited, and its free clusters.
pub(super) fn examine(storage: &dyn Storage) -> Result<(Boot, u32)> {
    let (boot, table) = load(storage)?;
    check_clean(&boot, &table)?;
    let free = table.check()?;
    Ok((boot, free))
}

/// The boot sector of a volume that may be read, dirty or not, and its free clusters.
pub(super) fn examine_for_reading(storage: &dyn Storage) -> Result<(Boot, u32)> {
    let (boot, table) = load(storage)?;
    let free = table.check()?;
    Ok((boot, free))
}

fn load(storage: &dyn Storage) -> Result<(Boot, Table)> {
    let boot = Boot::read(storage)?;
    if let Some(offset) = boot.info {
        info::check(&read_vec(storage, offset, SECTOR)?, offset)?;
    }
    let bytes = read_vec(storage, boot.fat_start, boot.fat_len)?;
    let table = Table::new(boot.kind, bytes, boot.clusters);
    Ok((boot, table))
}

/// The bits of the state byte that are not reserved: dirty, disk error.
const STATE_BITS: u8 = 3;

/// Linux sets bit 0 of the boot sector's state byte while mounted; Windows clears the top two data bits of the second
/// FAT entry: "was unmounted" and "no disk errors".
fn check_clean(boot: &Boot, table: &Table) -> Result<()> {
    let fat = table.value(1);
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
