//! `unused` lists exactly what other programs count as free, and nothing that a file system needs.

use std::ops::Range;
use std::sync::Arc;

use diskimg::{Error, Memory, Partition, PartitionKind, Refused, Storage, unused};

use crate::support::checkers::{debugfs, e2fsck, fsck_vfat};
use crate::support::images::{bytes, debugged, fat, flavours};

/// Bytes before the partition in these images.
const START: u64 = 1 << 20;

/// Returns the unused ranges of a file system that is the only partition of an image, counted from the partition's start.
fn unused_of(filesystem: &dyn Storage, kind: PartitionKind) -> diskimg::Result<Vec<Range<u64>>> {
    let partition = Partition {
        number: 1,
        start: START,
        len: filesystem.size(),
        kind,
    };
    let image = [vec![0; 1 << 20], bytes(filesystem)].concat();
    let image: Arc<dyn Storage> = Arc::new(Memory::new(image));
    let ranges = unused(&partition, &image)?;
    let shifted = ranges.into_iter();
    Ok(shifted
        .map(|range| range.start - START..range.end - START)
        .collect())
}

/// Returns a copy whose unused ranges hold other bytes, and their total length.
fn overwritten(filesystem: &dyn Storage, kind: PartitionKind) -> (Memory, u64) {
    let ranges = unused_of(filesystem, kind).unwrap();
    let copy = Memory::new(bytes(filesystem));
    for range in &ranges {
        let len = usize::try_from(range.end - range.start).unwrap();
        copy.write_at(range.start, &vec![0xA5; len]).unwrap();
    }
    (
        copy,
        ranges.iter().map(|range| range.end - range.start).sum(),
    )
}

#[test]
fn ext4_needs_nothing_of_its_unused_blocks() {
    for (name, ext4) in flavours() {
        let sound = ext4.make();
        let (copy, len) = overwritten(sound.as_ref(), PartitionKind::Linux);
        e2fsck(&copy);
        let dump = "cat /usr/lib/big";
        assert!(
            debugfs(&copy, dump) == debugfs(sound.as_ref(), dump),
            "{name}"
        );
        let stats = debugfs(sound.as_ref(), "stats -h");
        let number = |label: &str| -> u64 {
            let (_, after) = stats.split_once(label).unwrap();
            after.lines().next().unwrap().trim().parse().unwrap()
        };
        assert_eq!(
            len,
            number("Free blocks:") * number("Block size:"),
            "{name}"
        );
    }
}

#[test]
fn fat_needs_nothing_of_its_unused_clusters() {
    let options: [(u64, &[&str]); 3] = [
        (64, &["-F", "32", "-s", "1"]),
        (160, &["-F", "32", "-s", "4"]),
        (16, &["-F", "16"]),
    ];
    for (mib, options) in options {
        let sound = fat(mib, options);
        let (copy, len) = overwritten(sound.as_ref(), PartitionKind::Fat);
        fsck_vfat(&copy);
        // The root directory of FAT32, `config.txt`, `overlays` and `overlays/README` have clusters.
        assert!(len > (mib - 2) << 20, "{mib} MiB: {len}");
    }
}

#[test]
fn a_partition_of_another_kind_is_used_as_a_whole() {
    let filesystem = fat(16, &["-F", "16"]);
    let ranges = unused_of(filesystem.as_ref(), PartitionKind::Other);
    assert_eq!(ranges, Ok(vec![]));
}

#[test]
fn a_file_system_that_was_not_unmounted_is_refused() {
    let (_, debian) = &flavours()[2];
    let mounted = debugged(debian.make().as_ref(), &["set_super_value state 0"]);
    let refused = unused_of(mounted.as_ref(), PartitionKind::Linux);
    assert_eq!(refused, Err(Error::Refused(Refused::NotClean { state: 0 })));
}
