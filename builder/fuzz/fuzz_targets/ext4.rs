//! Any bytes as an ext4 file system: read everything, change a little. Errors are fine; panics and endless loops are
//! bugs. Start from small images: `mke2fs -t ext4 -b 1024 -O ^metadata_csum,^has_journal image 256k`.
#![no_main]

use std::sync::Arc;

use diskimg::ext4::{Clock, Reader, Writer};
use diskimg::{Attributes, Memory, CowStorage, ReadFs, WriteFs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let storage = Arc::new(CowStorage::new(Arc::new(Memory::new(bytes.to_vec()))));
    if let Ok(mut reader) = Reader::open(storage.clone()) {
        for name in reader.read_dir("/").unwrap_or_default() {
            let path = format!("/{name}");
            let _ = (reader.metadata(&path), reader.read(&path));
            let _ = (reader.read_link(&path), reader.read_dir(&path));
        }
    }
    let clock = Clock {
        time: 1_790_000_000,
        generation_seed: 1,
    };
    let attributes = Attributes {
        mode: 0o644,
        uid: 1,
        gid: 2,
    };
    if let Ok(mut writer) = Writer::open(storage, clock) {
        let _ = writer.make_folder("/new", attributes);
        let _ = writer.write_file("/new/file", &[1; 3000], attributes);
        let _ = writer.remove("/a");
        let _ = Box::new(writer).finish();
    }
});
