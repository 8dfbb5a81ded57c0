//! The ranges of an image that are in use.

use std::ops::Range;
use std::sync::Arc;

use diskimg::{PartitionTable, Storage};

/// Ranges begin and end at multiples of this: the largest block size of a card.
pub(crate) const MAP_BLOCK: u64 = 4096;

/// Returns the ranges of an image that are in use, in ascending order: all except free blocks of its file systems. A file
/// system that cannot be read, such as one that was not unmounted, is used as a whole.
pub(crate) fn mapped_ranges(image: &Arc<dyn Storage>) -> Vec<Range<u64>> {
    let table = PartitionTable::read(image.as_ref());
    let partitions = table.map(|table| table.partitions).unwrap_or_default();
    let unused = partitions
        .iter()
        .filter_map(|partition| diskimg::unused(partition, image).ok());
    let mut unused: Vec<Range<u64>> = unused.flatten().collect();
    unused.sort_by_key(|range| range.start);
    let mut map = Vec::new();
    let mut at = 0;
    for range in unused {
        let (start, end) = (
            range.start.next_multiple_of(MAP_BLOCK),
            range.end / MAP_BLOCK * MAP_BLOCK,
        );
        if start < end {
            map.push(at..start);
            at = end;
        }
    }
    map.push(at..image.size());
    map.retain(|range| range.start < range.end);
    map
}
