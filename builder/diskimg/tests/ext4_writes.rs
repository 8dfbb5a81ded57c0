//! What is written into ext4 is there, right, and the file system stays whole.

use std::sync::Arc;

use diskimg::ext4::{Clock, Reader, Writer};
use diskimg::{Attributes, Kind, Metadata, Overlay, ReadFs, Storage, WriteFs};

use crate::support::images::{flavours, overlay};
use crate::support::judges::e2fsck;

pub(crate) const CLOCK: Clock = Clock {
    time: 1_790_000_000,
    generation_seed: 7,
};

pub(crate) const ROOT: Attributes = Attributes {
    mode: 0o755,
    uid: 0,
    gid: 0,
};

pub(crate) fn edit(storage: &Arc<Overlay>, edit: impl FnOnce(&mut dyn WriteFs)) {
    let mut writer = Box::new(Writer::open(storage.clone(), CLOCK).unwrap());
    edit(writer.as_mut());
    writer.finish().unwrap();
}

pub(crate) fn reader(storage: &Arc<Overlay>) -> Reader {
    Reader::open(storage.clone() as Arc<dyn Storage>).unwrap()
}

#[test]
fn a_file_is_there_with_its_content_owner_and_time() {
    for (flavour, ext4) in flavours() {
        let storage = overlay(&ext4.make());
        let etcd = Attributes {
            mode: 0o4750,
            uid: 100_990,
            gid: 200_990,
        };
        edit(&storage, |fs| {
            fs.make_folder("/etc/etcd", ROOT).unwrap();
            fs.write_file("/etc/etcd/key", &[b'k'; 10_000], etcd)
                .unwrap();
            fs.make_symlink("/etc/etcd/link", "key").unwrap();
        });
        e2fsck(storage.as_ref());
        let mut reader = reader(&storage);
        let expected = Metadata {
            kind: Kind::File,
            mode: 0o4750,
            uid: 100_990,
            gid: 200_990,
            size: 10_000,
            modified: CLOCK.time,
        };
        let found = reader.metadata("/etc/etcd/key").unwrap();
        assert_eq!(found, Some(expected), "{flavour}");
        assert_eq!(reader.read("/etc/etcd/key").unwrap(), [b'k'; 10_000]);
        assert_eq!(reader.read_link("/etc/etcd/link").unwrap(), "key");
        assert_eq!(reader.read_dir("/etc/etcd").unwrap(), ["key", "link"]);
    }
}
