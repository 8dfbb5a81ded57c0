//! The parts of a partition that its file system does not use.

use std::ops::Range;
use std::sync::Arc;

use crate::error::Result;
use crate::storage::Storage;
use crate::table::{Partition, PartitionKind};
use crate::{ext4, fat};

/// Returns the ranges of bytes of `image`, in ascending order, that belong to a partition but hold nothing of its file
/// system: free blocks of ext4 and free clusters of FAT. Their content has no meaning, so that a copy of the image may
/// leave them out.
///
/// Everything else has a meaning even where it is zero, such as an empty inode table. A partition of
/// [`PartitionKind::Other`] has no unused ranges.
///
/// # Errors
///
/// The file system must pass its gate, [`fat::gate`] or [`ext4::gate`].
pub fn unused(partition: &Partition, image: &Arc<dyn Storage>) -> Result<Vec<Range<u64>>> {
    let window = Arc::new(partition.window(image)?);
    let ranges = match partition.kind {
        PartitionKind::Fat => fat::unused(window.as_ref())?,
        PartitionKind::Linux => ext4::unused(window)?,
        PartitionKind::Other => vec![],
    };
    let start = partition.start;
    let shifted =
        |range: Range<u64>| Some(range.start.checked_add(start)?..range.end.checked_add(start)?);
    Ok(ranges.into_iter().filter_map(shifted).collect())
}

/// Joins ranges that follow each other, which arrive in ascending order.
pub(crate) fn joined(ranges: impl IntoIterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut all: Vec<Range<u64>> = vec![];
    for range in ranges {
        match all.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => all.push(range),
        }
    }
    all
}
