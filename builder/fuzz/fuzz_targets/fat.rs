//! Audits, reads and changes arbitrary bytes as a FAT volume.
//!
//! Invariant: every call ends with a result or an error; it never panics or loops. If the audit and all changes
//! succeed, the new file is read back.
//! Start from small images: `mkfs.vfat -F 16 -s 1 -C image 2200`.
#![no_main]

use std::sync::Arc;

use diskimg::fat::{FatReader, FatWriter};
use diskimg::{
    Attributes, CowStorage, Memory, Partition, PartitionKind, ReadFs, Storage, WriteFs, audit,
};
use libfuzzer_sys::fuzz_target;

const TIME: i64 = 1_790_000_000;
const NONE: Attributes = Attributes {
    mode: 0,
    uid: 0,
    gid: 0,
};

fuzz_target!(|bytes: &[u8]| {
    let storage = Arc::new(CowStorage::new(Arc::new(Memory::new(bytes.to_vec()))));
    if let Ok(mut reader) = FatReader::open(storage.clone()) {
        for name in reader.read_dir("/").unwrap_or_default() {
            let path = format!("/{name}");
            let _ = (reader.metadata(&path), reader.read(&path));
            let _ = reader.read_dir(&path);
        }
    }
    let partition = Partition {
        number: 1,
        start: 0,
        len: storage.size(),
        kind: PartitionKind::Fat,
    };
    let image: Arc<dyn Storage> = storage.clone();
    let sound = audit(&partition, &image).is_ok();
    if change(storage.clone()).is_ok() && sound {
        let mut reader = FatReader::open(storage).expect("a changed volume is readable");
        assert_eq!(reader.read("/new/file"), Ok(vec![1; 3000]));
    }
});

fn change(storage: Arc<CowStorage>) -> diskimg::Result<()> {
    let mut writer = Box::new(FatWriter::open(storage, TIME)?);
    writer.make_directory("/new", NONE)?;
    writer.write_file("/new/file", &[1; 3000], NONE)?;
    let _ = writer.remove("/a");
    writer.finish()
}
