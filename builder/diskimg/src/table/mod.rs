//! Partition tables: MBR and GPT, read and changed on a [`Storage`].
//!
//! Sectors have 512 bytes here; image files have no others.

mod gpt;
mod gpt_header;
mod guid;
mod mbr;

pub use gpt::Gpt;
pub use guid::Guid;
pub use mbr::{Mbr, set_mbr_disk_id};

use std::sync::Arc;

use crate::error::{Corrupt, Refused, Result};
use crate::storage::{Storage, Window};

/// Bytes per sector.
pub(crate) const SECTOR: u64 = 512;

/// What a partition is for, according to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartitionKind {
    /// FAT of any width, EFI system partitions included.
    Fat,
    /// A Linux file system.
    Linux,
    /// Anything else.
    Other(Code),
}

/// A partition type as the table spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The type byte of an MBR entry.
    Mbr(u8),
    /// The type GUID of a GPT entry.
    Gpt(Guid),
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The number the kernel gives it, from 1.
    pub number: u32,
    /// First byte in the image.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
    /// What it is for.
    pub kind: PartitionKind,
    /// The name in a GPT; MBR has none.
    pub name: Option<String>,
}

impl Partition {
    /// The byte after the last.
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.len)
    }

    /// The partition's bytes in `image`.
    pub fn window(&self, image: &Arc<dyn Storage>) -> Result<Window> {
        Window::new(image.clone(), self.start, self.len)
    }
}

/// A partition table, in memory: changes reach the image with `write`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Table {
    /// Four entries in the first sector.
    Mbr(Mbr),
    /// A header and entries at the start, copies of both at the end.
    Gpt(Gpt),
}

impl Table {
    /// Reads the table and checks it: signatures and checksums, and that partitions lie inside the image, behind the
    /// table and beside each other.
    pub fn read(storage: &dyn Storage) -> Result<Self> {
        let mbr = Mbr::parse(storage)?;
        if mbr.is_protective() {
            return Ok(Self::Gpt(Gpt::read(storage)?));
        }
        check_places(&mbr.partitions(), SECTOR, storage.size())?;
        Ok(Self::Mbr(mbr))
    }

    /// The partitions in the order of their numbers.
    pub fn partitions(&self) -> Vec<Partition> {
        match self {
            Self::Mbr(mbr) => mbr.partitions(),
            Self::Gpt(gpt) => gpt.partitions(),
        }
    }

    /// The disk id of an MBR, from which `PARTUUID`s are made; a GPT has none.
    pub fn disk_id(&self) -> Option<u32> {
        match self {
            Self::Mbr(mbr) => Some(mbr.disk_id()),
            Self::Gpt(_) => None,
        }
    }

    /// Changes the length of partition `number` to `len` bytes, a multiple of 512. Its content is not touched.
    pub fn resize(&mut self, number: u32, len: u64) -> Result<()> {
        match self {
            Self::Mbr(mbr) => mbr.resize(number, len),
            Self::Gpt(gpt) => gpt.resize(number, len),
        }
    }

    /// Checks the table against the size of the image and writes it: of an MBR the four entries and the disk id, of
    /// a GPT both copies, the second one at the end of the image, and the protective entry.
    pub fn write(&self, storage: &dyn Storage) -> Result<()> {
        match self {
            Self::Mbr(mbr) => mbr.write(storage),
            Self::Gpt(gpt) => gpt.write(storage),
        }
    }
}

/// Partitions must lie in `first..end` and not overlap.
fn check_places(partitions: &[Partition], first: u64, size: u64) -> Result<()> {
    for partition in partitions {
        let (number, start, end) = (partition.number, partition.start, partition.end());
        if partition.len == 0 {
            let first = start.checked_div(SECTOR).unwrap_or(0);
            return Err(Corrupt::PartitionEmpty { number, first }.into());
        }
        if start < first {
            return Err(Corrupt::PartitionOverTable { number, start }.into());
        }
        if end > size {
            return Err(Corrupt::PartitionPastEnd { number, end, size }.into());
        }
    }
    let mut in_order: Vec<_> = partitions.iter().collect();
    in_order.sort_by_key(|partition| partition.start);
    for pair in in_order.windows(2) {
        if let [before, after] = pair
            && before.end() > after.start
        {
            return Err(Corrupt::PartitionOverlap {
                first: before.number,
                second: after.number,
                offset: after.start,
            }
            .into());
        }
    }
    Ok(())
}

/// Start and length as sectors, refused unless both are whole.
fn sectors(number: u32, start: u64, len: u64) -> Result<(u64, u64)> {
    let whole = |bytes: u64| {
        let count = bytes.checked_div(SECTOR)?;
        (count.saturating_mul(SECTOR) == bytes).then_some(count)
    };
    match (whole(start), whole(len)) {
        (Some(start), Some(count)) if count > 0 => Ok((start, count)),
        _ => Err(Refused::PartitionPlace { number, start, len }.into()),
    }
}
