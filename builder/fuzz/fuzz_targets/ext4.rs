//! Audits, reads and changes arbitrary bytes as an ext4 file system.
//!
//! Invariant: every call ends with a result or an error; it never panics or loops. If the audit and all changes
//! succeed, the new file is read back.
//! Start from small images: `mke2fs -t ext4 -b 1024 -O ^metadata_csum,^has_journal image 256k`.
#![no_main]

use std::sync::Arc;

use diskimg::ext4::{Clock, Ext4Reader, Ext4Writer};
use diskimg::{
    Attributes, CowStorage, Memory, Partition, PartitionKind, ReadFs, Storage, WriteFs, audit,
};
use libfuzzer_sys::fuzz_target;

const CLOCK: Clock = Clock {
    time: 1_790_000_000,
    generation_seed: 1,
};
const ATTRIBUTES: Attributes = Attributes {
    mode: 0o644,
    uid: 1,
    gid: 2,
};

fuzz_target!(|bytes: &[u8]| {
    let storage = Arc::new(CowStorage::new(Arc::new(Memory::new(bytes.to_vec()))));
    if let Ok(mut reader) = Ext4Reader::open(storage.clone()) {
        for name in reader.read_dir("/").unwrap_or_default() {
            let path = format!("/{name}");
            let _ = (reader.metadata(&path), reader.read(&path));
            let _ = (reader.read_link(&path), reader.read_dir(&path));
        }
    }
    let partition = Partition {
        number: 1,
        start: 0,
        len: storage.size(),
        kind: PartitionKind::Linux,
    };
    let image: Arc<dyn Storage> = storage.clone();
    let sound = audit(&partition, &image).is_ok();
    if change(storage.clone()).is_ok() && sound {
        let mut reader = Ext4Reader::open(storage).expect("a changed file system is readable");
        assert_eq!(reader.read("/new/file"), Ok(vec![1; 3000]));
    }
});

fn change(storage: Arc<CowStorage>) -> diskimg::Result<()> {
    let mut writer = Box::new(Ext4Writer::open(storage, CLOCK)?);
    writer.make_directory("/new", ATTRIBUTES)?;
    writer.write_file("/new/file", &[1; 3000], ATTRIBUTES)?;
    let _ = writer.remove("/a");
    writer.finish()
}
