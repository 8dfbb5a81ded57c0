//! The GUID partition table, read with the `gpt` crate.
//!
//! Specified in the UEFI specification, "GUID Partition Table (GPT) Disk Layout":
//!
//! ```text
//! sector 0        1        2 … 33    34 …                    −33 … −2   −1
//! protective MBR  header   entries   the partitions          entries    header
//! ```

use std::io::Cursor;

use gpt::disk::LogicalBlockSize::Lb512;
use gpt::header::{Header, HeaderError, read_header_from_arbitrary_device};
use gpt::partition::{Partition as GptEntry, file_read_partitions};
use gpt::partition_types as types;

use super::{Partition, PartitionKind, check_places};
use crate::error::{Corrupt, Result, Unsupported};
use crate::storage::{Storage, read_vec};
use crate::units::{Sectors, product};

/// The most entries accepted. Partitioning programs write 128.
const MOST_ENTRIES: u32 = 1024;
/// Bytes per entry. Larger sizes are valid, but unused in practice.
const ENTRY_SIZE: u32 = 128;
/// The offset of the header in bytes from the start of the disk.
const HEADER_OFFSET: u64 = 512;

/// Reads the table at the start of `storage` and returns the used entries in the order of their numbers, which may
/// have gaps. The copy at the end is not read.
pub(super) fn read(storage: &dyn Storage) -> Result<Vec<Partition>> {
    let start = read_vec(storage, 0, 2 * Sectors::SIZE)?;
    let mut header = read_header_from_arbitrary_device(&mut Cursor::new(start), Lb512)
        .map_err(|error| bad_header(&error))?;
    check_header(&header)?;
    let offset = bytes("PartitionEntryLBA", header.part_start)?;
    let entries = read_vec(storage, offset, product(header.num_parts, ENTRY_SIZE))?;
    header.part_start = 0;
    let entries = file_read_partitions(&mut Cursor::new(entries), &header, Lb512)
        .map_err(|_| Corrupt::GptChecksum { offset })?;
    let partitions = entries
        .iter()
        .filter(|(_, entry)| entry.part_type_guid != types::UNUSED)
        .map(|(number, entry)| partition(*number, entry))
        .collect::<Result<Vec<_>>>()?;
    let first = bytes("FirstUsableLBA", header.first_usable)?;
    check_places(&partitions, first, storage.size())?;
    Ok(partitions)
}

fn bad_header(error: &HeaderError) -> Corrupt {
    let offset = HEADER_OFFSET;
    match error {
        HeaderError::InvalidGptSignature => Corrupt::GptSignature { offset },
        _ => Corrupt::GptChecksum { offset },
    }
}

fn check_header(header: &Header) -> Result<()> {
    let (count, size) = (header.num_parts, header.part_size);
    if !(1..=MOST_ENTRIES).contains(&count) || size != ENTRY_SIZE {
        return Err(Unsupported::GptEntries { count, size }.into());
    }
    if header.current_lba != 1 {
        return field("MyLBA", header.current_lba);
    }
    if header.first_usable < 2 || header.first_usable > header.last_usable {
        return field("FirstUsableLBA", header.first_usable);
    }
    Ok(())
}

/// Returns the byte offset of a sector that the header names.
fn bytes(name: &'static str, lba: u64) -> Result<u64> {
    match lba.checked_mul(Sectors::SIZE) {
        Some(offset) => Ok(offset),
        None => field(name, lba),
    }
}

fn field<T>(field: &'static str, value: u64) -> Result<T> {
    Err(Corrupt::GptField { field, value }.into())
}

fn partition(number: u32, entry: &GptEntry) -> Result<Partition> {
    let (first, last) = (entry.first_lba, entry.last_lba);
    match (entry.bytes_start(Lb512), entry.bytes_len(Lb512)) {
        (Ok(start), Ok(len)) => Ok(Partition {
            number,
            start,
            len,
            kind: kind(&entry.part_type_guid),
        }),
        _ => Err(Corrupt::GptEntry {
            number,
            first,
            last,
        }
        .into()),
    }
}

fn kind(found: &types::Type) -> PartitionKind {
    let is_any = |known: &[types::Type]| known.iter().any(|known| known.guid == found.guid);
    if is_any(&[types::EFI, types::BASIC]) {
        PartitionKind::Fat
    } else if is_any(&[
        types::LINUX_FS,
        types::LINUX_ROOT_ARM_64,
        types::LINUX_ROOT_X64,
    ]) {
        PartitionKind::Linux
    } else {
        PartitionKind::Other
    }
}
