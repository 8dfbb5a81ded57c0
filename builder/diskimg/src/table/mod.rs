//! Partition tables: MBR and GPT.
//!
//! Sectors have 512 bytes; image files with other sizes are not supported.

mod gpt;
mod mbr;

pub use mbr::set_mbr_disk_id;

use std::sync::Arc;

use crate::error::{Corrupt, Result};
use crate::storage::{Storage, Window};
use crate::units::Sectors;

/// The content of a partition according to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartitionKind {
    /// FAT of any width, including EFI system partitions.
    Fat,
    /// A Linux file system.
    Linux,
    /// Anything else.
    Other,
}

/// A partition as found in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The number by which the kernel knows it, from 1.
    pub number: u32,
    /// The first byte in the image.
    pub start: u64,
    /// The length in bytes.
    pub len: u64,
    /// The content.
    pub kind: PartitionKind,
}

impl Partition {
    /// Returns the partition's bytes in `image`.
    pub fn window(&self, image: &Arc<dyn Storage>) -> Result<Window> {
        Window::new(image.clone(), self.start, self.len)
    }
}

/// A partition table as read from an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionTable {
    /// The disk id ("disk signature") of an MBR, from which Linux makes `PARTUUID`s; `None` for a GPT.
    pub disk_id: Option<u32>,
    /// The partitions in the order of their numbers.
    pub partitions: Vec<Partition>,
}

impl PartitionTable {
    /// Reads the table of `storage`.
    ///
    /// Checks signatures and checksums, and that partitions are inside the image, behind the table, and do not
    /// overlap.
    pub fn read(storage: &dyn Storage) -> Result<Self> {
        let mbr = mbr::Mbr::read(storage)?;
        if mbr.is_protective() {
            let partitions = gpt::read(storage)?;
            return Ok(Self {
                disk_id: None,
                partitions,
            });
        }
        let partitions = mbr.partitions()?;
        check_places(&partitions, Sectors::SIZE, storage.size())?;
        Ok(Self {
            disk_id: Some(mbr.disk_id()),
            partitions,
        })
    }
}

/// Checks that partitions are inside the bytes `first..size` and do not overlap.
fn check_places(partitions: &[Partition], first: u64, size: u64) -> Result<()> {
    for &Partition {
        number, start, len, ..
    } in partitions
    {
        if start < first {
            return Err(Corrupt::PartitionOverTable { number, start }.into());
        }
        if start.checked_add(len).is_none_or(|end| end > size) {
            return Err(Corrupt::PartitionPastEnd {
                number,
                start,
                len,
                size,
            }
            .into());
        }
    }
    let mut in_order: Vec<_> = partitions.iter().collect();
    in_order.sort_by_key(|partition| partition.start);
    for pair in in_order.windows(2) {
        if let [before, after] = pair
            && before.start.abs_diff(after.start) < before.len
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
