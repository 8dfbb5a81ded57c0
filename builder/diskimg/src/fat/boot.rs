//! The boot sector: where the tables and the clusters are. Names are those of Microsoft's specification.

use crate::bytes::{array_at, u8_at, u16_at, u32_at};
use crate::error::{Corrupt, Result, Unsupported};
use crate::storage::{Storage, read_vec};

/// Bytes per sector; other sizes exist, but not on the media this is for.
pub(super) const SECTOR: u64 = 512;

/// Which of the FATs it is, decided by the number of clusters alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FatKind {
    /// 4085 to 65524 clusters.
    Fat16,
    /// 65525 clusters and more.
    Fat32,
}

/// What the boot sector says; positions and lengths in bytes from the start of the volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boot {
    pub(super) kind: FatKind,
    pub(super) cluster_size: u64,
    pub(super) clusters: u32,
    pub(super) fat_start: u64,
    pub(super) fat_len: u64,
    pub(super) info: Option<u64>,
    pub(super) state: u8,
    pub(super) serial: u32,
    pub(super) label: String,
}

impl Boot {
    pub(super) fn read(storage: &dyn Storage) -> Result<Self> {
        let sector = read_vec(storage, 0, SECTOR)?;
        let (boot, need) = Self::from_bytes(&array_at(&sector, 0))?;
        let size = storage.size();
        if need > size {
            return Err(Corrupt::FilesystemPastEnd { need, size }.into());
        }
        Ok(boot)
    }

    /// Parses a boot sector; the second value is the length of the volume in bytes.
    pub(super) fn from_bytes(bytes: &[u8; 512]) -> Result<(Self, u64)> {
        check_fixed_fields(bytes)?;
        let layout = Layout::from_bytes(bytes);
        let clusters = layout.clusters()?;
        let kind = kind(clusters)?;
        layout.check_fat(bytes, kind, clusters)?;
        let (state, serial, label) = match kind {
            FatKind::Fat16 => (0x25, 0x27, 0x2B),
            FatKind::Fat32 => (0x41, 0x43, 0x47),
        };
        let label: [u8; 11] = array_at(bytes, label);
        let boot = Self {
            kind,
            cluster_size: layout.per_cluster.saturating_mul(SECTOR),
            clusters,
            fat_start: layout.reserved.saturating_mul(SECTOR),
            fat_len: layout.fat_sectors.saturating_mul(SECTOR),
            info: info(bytes, kind, layout.reserved)?,
            state: u8_at(bytes, state),
            serial: u32_at(bytes, serial),
            label: String::from_utf8_lossy(&label).trim_end().to_owned(),
        };
        Ok((boot, layout.sectors.saturating_mul(SECTOR)))
    }
}

/// The lengths of the parts of a volume, in sectors, in the order they follow each other.
struct Layout {
    reserved: u64,
    fats: u64,
    fat_sectors: u64,
    root: u64,
    per_cluster: u64,
    sectors: u64,
}

impl Layout {
    fn from_bytes(bytes: &[u8; 512]) -> Self {
        let root_entries = u64::from(u16_at(bytes, 0x11));
        Self {
            reserved: u16_at(bytes, 0x0E).into(),
            fats: u8_at(bytes, 0x10).into(),
            fat_sectors: or_else(u16_at(bytes, 0x16), u32_at(bytes, 0x24)),
            root: root_entries.saturating_mul(32).div_ceil(SECTOR),
            per_cluster: u8_at(bytes, 0x0D).into(),
            sectors: or_else(u16_at(bytes, 0x13), u32_at(bytes, 0x20)),
        }
    }

    /// How many clusters there are behind the tables.
    fn clusters(&self) -> Result<u32> {
        let tables = self.fats.saturating_mul(self.fat_sectors);
        let data = self
            .reserved
            .saturating_add(tables)
            .saturating_add(self.root);
        field("BPB_TotSec", self.sectors, |sectors| sectors > data)?;
        let clusters = self
            .sectors
            .saturating_sub(data)
            .checked_div(self.per_cluster);
        Ok(u32::try_from(clusters.unwrap_or(0)).unwrap_or(u32::MAX))
    }

    /// Only FAT32 has no 16-bit length of the table, and the table must hold every cluster.
    fn check_fat(&self, bytes: &[u8; 512], kind: FatKind, clusters: u32) -> Result<()> {
        let entry_size = if kind == FatKind::Fat32 { 4 } else { 2 };
        let need = u64::from(clusters)
            .saturating_add(2)
            .saturating_mul(entry_size);
        field("BPB_FATSz16", u16_at(bytes, 0x16).into(), |size| {
            (size == 0) == (kind == FatKind::Fat32)
        })?;
        field("BPB_FATSz", self.fat_sectors, |sectors| {
            need <= sectors.saturating_mul(SECTOR)
        })
    }
}

fn check_fixed_fields(bytes: &[u8; 512]) -> Result<()> {
    field("Signature_word", u64::from(u16_at(bytes, 510)), |value| {
        value == 0xAA55
    })?;
    match u16_at(bytes, 0x0B) {
        512 => {}
        bytes @ (1024 | 2048 | 4096) => return Err(Unsupported::FatSectorSize { bytes }.into()),
        other => return field("BPB_BytsPerSec", u64::from(other), |_| false),
    }
    field(
        "BPB_SecPerClus",
        u64::from(u8_at(bytes, 0x0D)),
        u64::is_power_of_two,
    )?;
    field("BPB_RsvdSecCnt", u64::from(u16_at(bytes, 0x0E)), |value| {
        value > 0
    })?;
    field("BPB_NumFATs", u64::from(u8_at(bytes, 0x10)), |value| {
        (1..=2).contains(&value)
    })
}

fn field(field: &'static str, value: u64, valid: impl FnOnce(u64) -> bool) -> Result<()> {
    if valid(value) {
        return Ok(());
    }
    Err(Corrupt::BootSectorField { field, value }.into())
}

/// Counts are 16 bits wide, or 32 elsewhere when those are zero.
fn or_else(narrow: u16, wide: u32) -> u64 {
    if narrow == 0 {
        wide.into()
    } else {
        narrow.into()
    }
}

fn kind(clusters: u32) -> Result<FatKind> {
    match clusters {
        0..4085 => Err(Unsupported::Fat12 { clusters }.into()),
        4085..65525 => Ok(FatKind::Fat16),
        65525..0x0FFF_FFF5 => Ok(FatKind::Fat32),
        _ => Err(Corrupt::BootSectorField {
            field: "BPB_TotSec32",
            value: clusters.into(),
        }
        .into()),
    }
}

/// Where FAT32 keeps its `FSInfo` sector.
fn info(bytes: &[u8; 512], kind: FatKind, reserved: u64) -> Result<Option<u64>> {
    if kind == FatKind::Fat16 {
        return Ok(None);
    }
    let sector = u64::from(u16_at(bytes, 0x30));
    field("BPB_FSInfo", sector, |value| value > 0 && value < reserved)?;
    field("BPB_RootClus", u64::from(u32_at(bytes, 0x2C)), |value| {
        value >= 2
    })?;
    Ok(Some(sector.saturating_mul(SECTOR)))
}
