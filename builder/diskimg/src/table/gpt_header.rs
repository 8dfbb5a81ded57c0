//! A GPT header: one sector, the same at both ends of the disk but for its own place.

use super::SECTOR;
use crate::bytes::{array_at, put, u32_at, u64_at};
use crate::crc::crc32;
use crate::error::{Corrupt, Result, Unsupported};
use crate::storage::Storage;

const SIGNATURE: &[u8; 8] = b"EFI PART";
const CRC_AT: usize = 16;
/// The most entries accepted; everybody writes 128.
const MOST_ENTRIES: u32 = 1024;

/// The header's fields, named as in the UEFI specification ("GPT Header"). The raw sector is kept, so that what is
/// not understood stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) alternate_lba: u64,
    pub(super) first_usable_lba: u64,
    pub(super) last_usable_lba: u64,
    pub(super) entry_lba: u64,
    pub(super) entry_count: u32,
    pub(super) entry_size: u32,
    pub(super) entries_crc: u32,
    /// Boxed: half a kilobyte is much beside an MBR.
    sector: Box<[u8; 512]>,
    size: usize,
}

impl Header {
    /// Reads the header in sector `lba` and checks its checksum.
    pub(super) fn read(storage: &dyn Storage, lba: u64) -> Result<Self> {
        let offset = lba.saturating_mul(SECTOR);
        let mut sector = [0; 512];
        storage.read_at(offset, &mut sector)?;
        Self::from_bytes(&sector, offset)
    }

    fn from_bytes(sector: &[u8; 512], offset: u64) -> Result<Self> {
        if array_at(sector, 0) != *SIGNATURE {
            return Err(Corrupt::GptSignature { offset }.into());
        }
        let size = u32_at(sector, 12);
        let Ok(length @ 92..=512) = usize::try_from(size) else {
            return field("HeaderSize", size.into());
        };
        let header = Self {
            alternate_lba: u64_at(sector, 32),
            first_usable_lba: u64_at(sector, 40),
            last_usable_lba: u64_at(sector, 48),
            entry_lba: u64_at(sector, 72),
            entry_count: u32_at(sector, 80),
            entry_size: u32_at(sector, 84),
            entries_crc: u32_at(sector, 88),
            sector: Box::new(*sector),
            size: length,
        };
        check_sum(offset, header.checksum(), u32_at(sector, CRC_AT))?;
        header.check(offset)
    }

    fn check(self, offset: u64) -> Result<Self> {
        let my_lba = u64_at(&*self.sector, 24);
        if my_lba.saturating_mul(SECTOR) != offset {
            return field("MyLBA", my_lba);
        }
        let (count, size) = (self.entry_count, self.entry_size);
        if !(1..=MOST_ENTRIES).contains(&count) || !matches!(size, 128 | 256 | 512) {
            return Err(Unsupported::GptEntries { count, size }.into());
        }
        if self.first_usable_lba < 2 || self.first_usable_lba > self.last_usable_lba {
            return field("FirstUsableLBA", self.first_usable_lba);
        }
        Ok(self)
    }

    /// The entry table in whole sectors.
    pub(super) fn entry_sectors(&self) -> u64 {
        self.entry_bytes().div_ceil(SECTOR)
    }

    pub(super) fn entry_bytes(&self) -> u64 {
        u64::from(self.entry_count).saturating_mul(self.entry_size.into())
    }

    /// The sector to write at `my_lba`, with the fields and the checksum brought up to date.
    pub(super) fn to_bytes(&self, my_lba: u64) -> [u8; 512] {
        let mut header = self.clone();
        let sector = &mut header.sector[..];
        put(sector, 24, &my_lba.to_le_bytes());
        put(sector, 32, &self.alternate_lba.to_le_bytes());
        put(sector, 40, &self.first_usable_lba.to_le_bytes());
        put(sector, 48, &self.last_usable_lba.to_le_bytes());
        put(sector, 72, &self.entry_lba.to_le_bytes());
        put(sector, 88, &self.entries_crc.to_le_bytes());
        let checksum = header.checksum();
        put(&mut header.sector[..], CRC_AT, &checksum.to_le_bytes());
        *header.sector
    }

    /// Over the header, its own checksum taken as zero.
    fn checksum(&self) -> u32 {
        let mut bytes = *self.sector;
        put(&mut bytes, CRC_AT, &[0; 4]);
        crc32(bytes.get(..self.size).unwrap_or_default())
    }
}

/// The checksum of what is at `offset` must be the one its header tells.
pub(super) fn check_sum(offset: u64, expected: u32, found: u32) -> Result<()> {
    if expected != found {
        return Err(Corrupt::GptChecksum {
            offset,
            expected,
            found,
        }
        .into());
    }
    Ok(())
}

fn field<T>(field: &'static str, value: u64) -> Result<T> {
    Err(Corrupt::GptField { field, value }.into())
}
