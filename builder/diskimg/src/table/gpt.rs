//! The GUID partition table, in the UEFI specification, "GUID Partition Table (GPT) Disk Layout".
//!
//! ```text
//! sector 0        1        2 … 33    34 …                    −33 … −2   −1
//! protective MBR  header   entries   the partitions          entries    header
//! ```

use super::gpt_header::{Header, check_sum};
use super::{Code, Guid, Partition, PartitionKind, SECTOR, check_places, sectors};
use crate::bytes::{array_at, put, u16_at, u64_at};
use crate::crc::crc32;
use crate::error::{Corrupt, Refused, Result};
use crate::storage::{Storage, read_vec};

/// A name has room for 36 UTF-16 units.
const NAME_AT: usize = 56;
const NAME_BYTES: usize = 72;

/// A GPT. Numbers are places in the entry table, gaps between them included, and do not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpt {
    header: Header,
    entries: Vec<u8>,
}

impl Gpt {
    /// Reads the table at the start of the image; the copy at the end is not looked at.
    pub(super) fn read(storage: &dyn Storage) -> Result<Self> {
        let header = Header::read(storage, 1)?;
        let offset = header.entry_lba.saturating_mul(SECTOR);
        let entries = read_vec(storage, offset, header.entry_bytes())?;
        check_sum(offset, crc32(&entries), header.entries_crc)?;
        let gpt = Self { header, entries };
        gpt.check(storage.size())?;
        Ok(gpt)
    }

    /// Partitions end before they start only by mistake; the rest is checked as for any table.
    fn check(&self, size: u64) -> Result<()> {
        for (number, entry) in self.used() {
            let (first, last) = (u64_at(entry, 32), u64_at(entry, 40));
            if last < first {
                return Err(Corrupt::PartitionEmpty { number, first }.into());
            }
        }
        let first = self.header.first_usable_lba.saturating_mul(SECTOR);
        check_places(&self.partitions(), first, size)
    }

    /// The GUID of partition `number`, which Linux calls its `PARTUUID`.
    pub fn partition_guid(&self, number: u32) -> Result<Guid> {
        let found = self.used().find(|(found, _)| *found == number);
        let (_, entry) = found.ok_or(Refused::NoPartition { number })?;
        Ok(Guid(array_at(entry, 16)))
    }

    /// The used entries in the order of their numbers.
    pub fn partitions(&self) -> Vec<Partition> {
        self.used()
            .map(|(number, entry)| {
                let (first, last) = (u64_at(entry, 32), u64_at(entry, 40));
                let count = last.saturating_sub(first).saturating_add(1);
                Partition {
                    number,
                    start: first.saturating_mul(SECTOR),
                    len: count.saturating_mul(SECTOR),
                    kind: kind(Guid(array_at(entry, 0))),
                    name: Some(name(entry)),
                }
            })
            .collect()
    }

    fn used(&self) -> impl Iterator<Item = (u32, &[u8])> {
        (1..)
            .zip(self.entries.chunks_exact(self.entry_size()))
            .filter(|(_, entry)| !Guid(array_at(entry, 0)).is_nil())
    }

    fn entry_size(&self) -> usize {
        usize::try_from(self.header.entry_size).unwrap_or(128)
    }

    fn entry(&mut self, number: u32) -> Result<&mut [u8]> {
        let size = self.entry_size();
        let index = usize::try_from(number).unwrap_or(0).checked_sub(1);
        index
            .and_then(|index| self.entries.chunks_exact_mut(size).nth(index))
            .ok_or_else(|| Refused::PartitionNumber { number }.into())
    }

    /// Changes the length of partition `number` to `len` bytes, a multiple of 512.
    pub fn resize(&mut self, number: u32, len: u64) -> Result<()> {
        let entry = self.entry(number)?;
        if Guid(array_at(entry, 0)).is_nil() {
            return Err(Refused::NoPartition { number }.into());
        }
        let first = u64_at(entry, 32);
        put_place(entry, number, first.saturating_mul(SECTOR), len)
    }

    /// Fills the free entry with the partition's number. Start and length are multiples of 512; a FAT becomes an EFI
    /// system partition; a name longer than 36 UTF-16 units is cut. The partition's own GUID is given, so that equal
    /// calls make equal tables.
    pub fn add(&mut self, partition: &Partition, own: Guid) -> Result<()> {
        let (number, start, len) = (partition.number, partition.start, partition.len);
        let kind = match partition.kind {
            PartitionKind::Fat => Guid::EFI_SYSTEM,
            PartitionKind::Linux => Guid::LINUX,
            PartitionKind::Other(Code::Gpt(guid)) if !guid.is_nil() => guid,
            PartitionKind::Other(_) => {
                return Err(Refused::PartitionPlace { number, start, len }.into());
            }
        };
        let entry = self.entry(number)?;
        if !Guid(array_at(entry, 0)).is_nil() {
            return Err(Refused::PartitionNumber { number }.into());
        }
        sectors(number, start, len)?;
        entry.fill(0);
        put(entry, 0, &kind.0);
        put(entry, 16, &own.0);
        let name = partition.name.as_deref().unwrap_or_default();
        let units = name.encode_utf16().flat_map(u16::to_le_bytes);
        put(entry, NAME_AT, &units.take(NAME_BYTES).collect::<Vec<_>>());
        put_place(entry, number, start, len)
    }

    /// Checks the places against the size of the image, then writes both copies, the second one at its end, and the
    /// length in the protective MBR. A copy that an image had before it grew is overwritten with zeros.
    pub fn write(&self, storage: &dyn Storage) -> Result<()> {
        let mut header = self.header.clone();
        let sectors = storage.size().checked_div(SECTOR).unwrap_or(0);
        let last = sectors.saturating_sub(1);
        let second_entries = last.saturating_sub(header.entry_sectors());
        let old_copy = header.alternate_lba;
        header.last_usable_lba = second_entries.saturating_sub(1);
        header.entries_crc = crc32(&self.entries);
        self.check(second_entries.saturating_mul(SECTOR))?;
        if old_copy < second_entries {
            clear_copy(storage, &header, old_copy)?;
        }
        header.alternate_lba = last;
        storage.write_at(header.entry_lba.saturating_mul(SECTOR), &self.entries)?;
        storage.write_at(SECTOR, &header.to_bytes(1))?;
        (header.alternate_lba, header.entry_lba) = (1, second_entries);
        storage.write_at(second_entries.saturating_mul(SECTOR), &self.entries)?;
        storage.write_at(last.saturating_mul(SECTOR), &header.to_bytes(last))?;
        protect(storage, last)
    }
}

fn put_place(entry: &mut [u8], number: u32, start: u64, len: u64) -> Result<()> {
    let (first, count) = sectors(number, start, len)?;
    let last = first.saturating_add(count).saturating_sub(1);
    put(entry, 32, &first.to_le_bytes());
    put(entry, 40, &last.to_le_bytes());
    Ok(())
}

/// Overwrites a header at `lba` and the entries before it, if it is one.
fn clear_copy(storage: &dyn Storage, header: &Header, lba: u64) -> Result<()> {
    if lba <= header.first_usable_lba || Header::read(storage, lba).is_err() {
        return Ok(());
    }
    let sectors = header.entry_sectors();
    let start = lba.saturating_sub(sectors).saturating_mul(SECTOR);
    let len = sectors.saturating_add(1).saturating_mul(SECTOR);
    storage.write_at(start, &vec![0; crate::bytes::to_usize(start, len)?])
}

/// The protective entry covers the disk, as far as 32 bits can say.
fn protect(storage: &dyn Storage, sectors_after_first: u64) -> Result<()> {
    let mut mbr = [0; 512];
    storage.read_at(0, &mut mbr)?;
    let count = u32::try_from(sectors_after_first).unwrap_or(u32::MAX);
    for at in [446, 462, 478, 494_usize] {
        if crate::bytes::u8_at(&mbr, at.saturating_add(4)) == 0xEE {
            put(&mut mbr, at.saturating_add(12), &count.to_le_bytes());
            break;
        }
    }
    storage.write_at(0, &mbr)
}

fn name(entry: &[u8]) -> String {
    let units = (0..NAME_BYTES)
        .step_by(2)
        .map(|at| u16_at(entry, at.saturating_add(NAME_AT)))
        .take_while(|unit| *unit != 0);
    char::decode_utf16(units)
        .map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn kind(guid: Guid) -> PartitionKind {
    match guid {
        Guid::EFI_SYSTEM | Guid::BASIC_DATA => PartitionKind::Fat,
        Guid::LINUX | Guid::LINUX_ROOT_ARM64 | Guid::LINUX_ROOT_X86_64 => PartitionKind::Linux,
        other => PartitionKind::Other(Code::Gpt(other)),
    }
}
