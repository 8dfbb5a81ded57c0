//! What is written into FAT is there, right, and the volume stays whole.

use std::sync::Arc;

use diskimg::fat::{Reader, Writer};
use diskimg::{Attributes, Kind, Metadata, Overlay, ReadFs, Storage, WriteFs};

use crate::support::images::{fat, overlay};
use crate::support::judges::fsck_vfat;

const TIME: i64 = 1_790_000_000;

const NONE: Attributes = Attributes {
    mode: 0,
    uid: 0,
    gid: 0,
};

/// As pi-gen makes them: trixie, bookworm; and the smallest one for small tests.
const FLAVOURS: [(u64, &[&str]); 3] = [
    (64, &["-F", "32", "-s", "1"]),
    (160, &["-F", "32", "-s", "4"]),
    (16, &["-F", "16"]),
];

fn edit(storage: &Arc<Overlay>, edit: impl FnOnce(&mut dyn WriteFs)) {
    let mut writer = Box::new(Writer::open(storage.clone(), TIME).unwrap());
    edit(writer.as_mut());
    writer.finish().unwrap();
}

fn reader(storage: &Arc<Overlay>) -> Reader {
    Reader::open(storage.clone() as Arc<dyn Storage>).unwrap()
}

#[test]
fn files_and_folders_are_there() {
    for (mib, options) in FLAVOURS {
        let storage = overlay(&fat(mib, options));
        edit(&storage, |fs| {
            fs.write_file("/config.txt", b"dtparam=watchdog=on\n", NONE)
                .unwrap();
            fs.make_folder("/a new folder", NONE).unwrap();
            fs.write_file("/a new folder/a long name.text", &[7; 5000], NONE)
                .unwrap();
        });
        fsck_vfat(storage.as_ref());
        let mut reader = reader(&storage);
        assert_eq!(
            reader.read("/CONFIG.TXT").unwrap(),
            b"dtparam=watchdog=on\n"
        );
        let expected = Metadata {
            kind: Kind::File,
            mode: 0o755,
            uid: 0,
            gid: 0,
            size: 5000,
            modified: TIME,
        };
        let found = reader.metadata("/a new folder/a long name.text").unwrap();
        assert_eq!(found, Some(expected));
        assert_eq!(
            reader.read("/a new folder/a long name.text").unwrap(),
            [7; 5000]
        );
        assert_eq!(
            reader.read_dir("/").unwrap(),
            ["a new folder", "config.txt", "overlays"]
        );
    }
}
