//! Any bytes as an image with a partition table. Errors are fine; panics and endless loops are bugs.
#![no_main]

use diskimg::{Memory, Table};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let storage = Memory::new(bytes.to_vec());
    if let Ok(mut table) = Table::read(&storage) {
        // What was read and is written again must be read again, equal.
        if table.write(&storage).is_ok() {
            assert_eq!(
                Table::read(&storage).map(|read| read.partitions()),
                Ok(table.partitions())
            );
        }
        let _ = table.resize(1, 1 << 20);
        let _ = table.write(&storage);
    }
});
