//! Any bytes as a FAT volume: read everything, change a little. Errors are fine; panics and endless loops are bugs.
//! Start from small images: `mkfs.vfat -F 16 -s 1 -C image 2200`.
#![no_main]

use std::sync::Arc;

use diskimg::fat::{Reader, Writer};
use diskimg::{Attributes, Memory, CowStorage, ReadFs, WriteFs};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let storage = Arc::new(CowStorage::new(Arc::new(Memory::new(bytes.to_vec()))));
    if let Ok(mut reader) = Reader::open(storage.clone()) {
        for name in reader.read_dir("/").unwrap_or_default() {
            let path = format!("/{name}");
            let _ = (reader.metadata(&path), reader.read(&path), reader.read_dir(&path));
        }
    }
    let attributes = Attributes {
        mode: 0,
        uid: 0,
        gid: 0,
    };
    if let Ok(mut writer) = Writer::open(storage, 1_790_000_000) {
        let _ = writer.make_folder("/new", attributes);
        let _ = writer.write_file("/new/file", &[1; 3000], attributes);
        let _ = writer.remove("/a");
        let _ = Box::new(writer).finish();
    }
});
