//! The boot sector: where the allocation tables and the clusters are.
//!
//! Specified in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103), whose field names are used.

use std::num::NonZero;

use crate::disk_structure::DiskStructure;
use crate::error::{Corrupt, Error, Result, Unsupported};
use crate::signatures::found_instead;
use crate::storage::Storage;
use crate::units::{Sectors, product};

/// The number of directory entries in a sector.
const ENTRIES_PER_SECTOR: u16 = 16;
/// `BS_BootSig` of a boot sector with a serial number and a label.
const HAS_LABEL: u8 = 0x29;

/// The width of the entries, which depends only on the number of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FatKind {
    /// 4085 to 65524 clusters, entries of 16 bits.
    Fat16,
    /// 65525 clusters and more, entries of 32 bits.
    Fat32,
}

/// The geometry stated by the boot sector. Offsets and lengths are in bytes from the start of the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BootSector {
    pub(super) kind: FatKind,
    /// Bytes per cluster, at most 65536.
    pub(super) cluster_size: u32,
    /// One more than the number of the last cluster. The first cluster has the number 2.
    pub(super) end: u32,
    pub(super) fat_start: u64,
    /// The length of one allocation table.
    pub(super) fat_len: u64,
    /// The offset of the second allocation table, if it exists.
    pub(super) second_fat: Option<u64>,
    /// The offset and the length of FAT16's root directory.
    pub(super) root_area: (u64, u64),
    /// The first cluster of the root directory of FAT32.
    pub(super) root_cluster: Option<u32>,
    /// The offset of cluster 2.
    data_start: u64,
    /// The offset of FAT32's `FSInfo` sector.
    pub(super) fs_info: Option<u64>,
    /// The offset of FAT32's copy of the boot sector, if it exists.
    pub(super) backup: Option<u64>,
    /// `BS_Reserved1`: bit 0 marks a mounted volume, bit 1 a disk error.
    pub(super) state: u8,
    /// `BS_VolID`, the serial number.
    pub(super) serial: u32,
    /// `BS_VolLab` without its padding.
    pub(super) label: String,
    /// `BS_VolLab`, if `BS_BootSig` says that it exists.
    pub(super) stored_label: Option<[u8; 11]>,
}

impl BootSector {
    /// Reads and checks the boot sector of the volume in `storage`, and that the volume is not larger than `storage`.
    pub(super) fn read(storage: &dyn Storage) -> Result<Self> {
        Self::parse(storage).map_err(|error| match error {
            Error::Corrupt(damage) => found_instead(storage, "a FAT file system", damage),
            error => error,
        })
    }

    fn parse(storage: &dyn Storage) -> Result<Self> {
        let sector = DiskStructure::read(storage, 0)?;
        check_fixed_fields(&sector)?;
        let areas = Areas::from_sector(&sector)?;
        let clusters = areas.clusters()?;
        // Linux decides by this field, others by the number of clusters.
        if clusters < 65525 && sector.u16::<0x16>() == 0 {
            return Err(Unsupported::SmallFat32 { clusters }.into());
        }
        let (kind, end) = kind(clusters)?;
        areas.check_fat(&sector, kind, end)?;
        let (need, size) = (areas.total.bytes(), storage.size());
        if need > size {
            return Err(Corrupt::FilesystemPastEnd { need, size }.into());
        }
        let (state, signature, serial, label) = match kind {
            FatKind::Fat16 => (
                sector.u8::<0x25>(),
                sector.u8::<0x26>(),
                sector.u32::<0x27>(),
                sector.bytes::<0x2B, 11>(),
            ),
            FatKind::Fat32 => (
                sector.u8::<0x41>(),
                sector.u8::<0x42>(),
                sector.u32::<0x43>(),
                sector.bytes::<0x47, 11>(),
            ),
        };
        let (fat_start, fat_len) = (areas.reserved.bytes(), areas.fat.bytes());
        let data_start = areas.before_data() << 9;
        let root_len = areas.root.bytes();
        Ok(Self {
            kind,
            root_area: (data_start.abs_diff(root_len), root_len),
            root_cluster: (kind == FatKind::Fat32).then(|| sector.u32::<0x2C>()),
            data_start,
            cluster_size: u32::from(sector.u8::<0x0D>()) << 9,
            end,
            fat_start,
            fat_len,
            second_fat: fat_start.checked_add(fat_len).filter(|_| areas.fats == 2),
            fs_info: fs_info(&sector, kind, areas.reserved)?,
            backup: backup(&sector, kind, areas.reserved),
            state,
            serial,
            label: String::from_utf8_lossy(&label).trim_end().to_owned(),
            stored_label: (signature == HAS_LABEL).then_some(label),
        })
    }

    /// Returns the size of a number of clusters in bytes.
    pub(super) fn bytes(&self, clusters: u32) -> u64 {
        product(clusters, self.cluster_size)
    }

    /// Returns the offset of a cluster.
    pub(super) fn offset(&self, cluster: u32) -> Result<u64> {
        let before = cluster.checked_sub(2).map(|before| self.bytes(before));
        let offset = before.and_then(|before| self.data_start.checked_add(before));
        Ok(offset.ok_or(Corrupt::NoFatEntry { cluster })?)
    }
}

/// The lengths of the areas of a volume, in the order in which they follow each other.
struct Areas {
    reserved: Sectors,
    fats: u8,
    fat: Sectors,
    root: Sectors,
    total: Sectors,
    /// Sectors per cluster, a power of two.
    per_cluster: NonZero<u64>,
}

impl Areas {
    fn from_sector(sector: &DiskStructure<512>) -> Result<Self> {
        let found = sector.u8::<0x0D>();
        let per_cluster = NonZero::new(found).filter(|found| found.is_power_of_two());
        let per_cluster = per_cluster.ok_or_else(|| invalid("BPB_SecPerClus", found))?;
        let root_entries = sector.u16::<0x11>();
        Ok(Self {
            reserved: Sectors(sector.u16::<0x0E>().into()),
            fats: sector.u8::<0x10>(),
            fat: narrow_or_wide(sector.u16::<0x16>(), sector.u32::<0x24>()),
            root: Sectors(root_entries.div_ceil(ENTRIES_PER_SECTOR).into()),
            total: narrow_or_wide(sector.u16::<0x13>(), sector.u32::<0x20>()),
            per_cluster: per_cluster.into(),
        })
    }

    /// Returns the number of sectors before the first cluster, less than 2^42.
    fn before_data(&self) -> u64 {
        let fats = product(self.fat.0, self.fats.into());
        [self.reserved.0.into(), fats, self.root.0.into()]
            .iter()
            .sum()
    }

    /// Returns the number of clusters.
    fn clusters(&self) -> Result<u64> {
        let total = u64::from(self.total.0);
        match total.checked_sub(self.before_data()) {
            None | Some(0) => Err(invalid("BPB_TotSec", total)),
            Some(data) => Ok(data / self.per_cluster),
        }
    }

    /// Checks that the table has an entry for every cluster, and that only FAT32 has no 16-bit length of it and no area of
    /// its own for the root directory.
    fn check_fat(&self, sector: &DiskStructure<512>, kind: FatKind, end: u32) -> Result<()> {
        let (is_fat32, entries_per_sector) = match kind {
            FatKind::Fat16 => (false, 256),
            FatKind::Fat32 => (true, 128),
        };
        let narrow = sector.u16::<0x16>();
        field("BPB_FATSz16", narrow, (narrow == 0) == is_fat32)?;
        let root = sector.u16::<0x11>();
        let is_right = (root == 0) == is_fat32 && root.is_multiple_of(ENTRIES_PER_SECTOR);
        field("BPB_RootEntCnt", root, is_right)?;
        let entries = product(self.fat.0, entries_per_sector);
        field("BPB_FATSz", self.fat.0, u64::from(end) <= entries)
    }
}

fn check_fixed_fields(sector: &DiskStructure<512>) -> Result<()> {
    let signature = sector.u16::<510>();
    field("Signature_word", signature, signature == 0xAA55)?;
    let bytes = sector.u16::<0x0B>();
    if matches!(bytes, 1024 | 2048 | 4096) {
        return Err(Unsupported::FatSectorSize { bytes }.into());
    }
    field("BPB_BytsPerSec", bytes, bytes == 512)?;
    let reserved = sector.u16::<0x0E>();
    field("BPB_RsvdSecCnt", reserved, reserved > 0)?;
    let fats = sector.u8::<0x10>();
    field("BPB_NumFATs", fats, (1..=2).contains(&fats))
}

fn field(field: &'static str, value: impl Into<u64>, valid: bool) -> Result<()> {
    if valid {
        return Ok(());
    }
    Err(invalid(field, value))
}

fn invalid(field: &'static str, value: impl Into<u64>) -> crate::Error {
    let value = value.into();
    Corrupt::BootSectorField { field, value }.into()
}

/// Returns a count from a 16-bit field or, if that is zero, from a 32-bit field elsewhere.
fn narrow_or_wide(narrow: u16, wide: u32) -> Sectors {
    match narrow {
        0 => Sectors(wide),
        _ => Sectors(narrow.into()),
    }
}

/// Returns the kind of the volume, and one more than the number of its last cluster.
fn kind(clusters: u64) -> Result<(FatKind, u32)> {
    let end = u32::try_from(clusters)
        .ok()
        .and_then(|count| count.checked_add(2));
    match (clusters, end) {
        (0..4085, _) => Err(Unsupported::Fat12 { clusters }.into()),
        (4085..65525, Some(end)) => Ok((FatKind::Fat16, end)),
        (65525..0x0FFF_FFF5, Some(end)) => Ok((FatKind::Fat32, end)),
        _ => Err(invalid("BPB_TotSec32", clusters)),
    }
}

fn fs_info(sector: &DiskStructure<512>, kind: FatKind, reserved: Sectors) -> Result<Option<u64>> {
    if kind == FatKind::Fat16 {
        return Ok(None);
    }
    let found = Sectors(sector.u16::<0x30>().into());
    let inside = Sectors(1)..reserved;
    field("BPB_FSInfo", found.0, inside.contains(&found))?;
    let root = sector.u32::<0x2C>();
    field("BPB_RootClus", root, root >= 2)?;
    Ok(Some(found.bytes()))
}

/// Returns the offset of the boot sector's copy. `BPB_BkBootSec` is zero, or all ones, if there is none.
fn backup(sector: &DiskStructure<512>, kind: FatKind, reserved: Sectors) -> Option<u64> {
    let found = Sectors(sector.u16::<0x32>().into());
    let is_inside = (Sectors(1)..reserved).contains(&found);
    (kind == FatKind::Fat32 && is_inside).then(|| found.bytes())
}
