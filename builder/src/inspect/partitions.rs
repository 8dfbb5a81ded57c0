//! The file systems of partitions: opening, checking and describing them.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use diskimg::{Partition, ReadFs, Storage};

use super::layout::Part;
use crate::printable::printable;

/// Opens the ext4 file system of a partition.
pub(super) fn open_ext4(
    storage: &Arc<dyn Storage>,
    partition: &Partition,
) -> Result<diskimg::ext4::Ext4Reader> {
    let context = || format!("opening the ext4 of partition {}", partition.number);
    let window = partition.window(storage).with_context(context)?;
    diskimg::ext4::Ext4Reader::open(Arc::new(window)).with_context(context)
}

/// Opens the FAT file system of a partition.
pub(super) fn open_fat(
    storage: &Arc<dyn Storage>,
    partition: &Partition,
) -> Result<diskimg::fat::FatReader> {
    let context = || format!("opening the FAT of partition {}", partition.number);
    let window = partition.window(storage).with_context(context)?;
    diskimg::fat::FatReader::open(Arc::new(window)).with_context(context)
}

/// Refuses a file system that must not be edited: one with an unknown feature, or whose allocation maps contradict its files.
pub(super) fn check_fs(partition: &Partition, storage: &Arc<dyn Storage>) -> Result<()> {
    let context = || format!("checking partition {}", partition.number);
    diskimg::audit(partition, storage).with_context(context)
}

/// Describes a partition with its file system, `fat` or `ext4`.
pub(super) fn part(
    partition: &Partition,
    filesystem: &'static str,
    reader: &mut dyn ReadFs,
) -> Result<Part> {
    Ok(Part {
        number: partition.number,
        start: partition.start,
        len: partition.len,
        filesystem,
        free_bytes: reader.free_bytes()?,
        free_files: reader.free_files()?,
        label: printable(reader.label()),
        uuid: reader.uuid(),
    })
}
