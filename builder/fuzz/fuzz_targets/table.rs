//! Reads arbitrary bytes as an image with a partition table.
//!
//! Invariant: reading ends with a table whose partitions are inside the image, or with an error; it never panics or
//! loops. A change of the disk id changes no other field that is read.
//! Start from small images: `truncate -s 1M image && echo 'start=64, size=64, type=c' | sfdisk image`.
#![no_main]

use diskimg::table::set_mbr_disk_id;
use diskimg::{Memory, PartitionTable, Storage};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let storage = Memory::new(bytes.to_vec());
    let Ok(table) = PartitionTable::read(&storage) else {
        return;
    };
    for partition in &table.partitions {
        let end = partition.start.checked_add(partition.len);
        assert!(
            end.is_some_and(|end| end <= storage.size()),
            "{partition:?}"
        );
    }
    if table.disk_id.is_some() {
        set_mbr_disk_id(&storage, 7).expect("a table that was read accepts a disk id");
        let expected = PartitionTable {
            disk_id: Some(7),
            ..table
        };
        assert_eq!(PartitionTable::read(&storage), Ok(expected));
    }
});
