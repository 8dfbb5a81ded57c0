//! Damaged images: an error is a valid result; a panic or an endless loop is a bug.

use std::sync::{Arc, LazyLock};

use diskimg::ext4::{Ext4Reader, Ext4Writer};
use diskimg::fat::{FatReader, FatWriter};
use diskimg::table::set_mbr_disk_id;
use diskimg::{Attributes, CowStorage, FileKind, PartitionTable, ReadFs, Storage, WriteFs};
#[cfg(guided)]
use guided::survives;
#[cfg(not(guided))]
use proptest::{collection::vec, prelude::any, test_runner::TestRunner};

use crate::ext4_writes::{CLOCK, ROOT};
use crate::fat_writes::TIME;
#[cfg(not(guided))]
use crate::support::cases;
use crate::support::images::{Ext4, bytes, cow, fat, gpt, mbr};

/// Calls the target with places and bytes drawn at random; see [`Sample::damaged`].
#[cfg(not(guided))]
fn survives(_name: &str, _none: &[Vec<u8>], target: impl Fn(&[u8])) {
    let places = vec(any::<u8>(), 5..60);
    let outcome = TestRunner::new(cases(64)).run(&places, |places| {
        target(&places);
        Ok(())
    });
    outcome.unwrap();
}

/// An image and the offsets of its sectors that are not empty.
struct Sample {
    image: Arc<dyn Storage>,
    sectors: Vec<u64>,
}

impl Sample {
    fn new(image: Arc<dyn Storage>) -> Self {
        let bytes = bytes(image.as_ref());
        let sectors = (0_u64..)
            .zip(bytes.chunks(512))
            .filter(|(_, sector)| sector.iter().any(|byte| *byte != 0))
            .map(|(number, _)| number * 512)
            .collect();
        Self { image, sectors }
    }

    /// Returns the image with other bytes at some places. Each is five bytes of `places`: the number of a sector, counting those
    /// that are not empty, an offset in it, and the byte.
    fn damaged(&self, places: &[u8]) -> Arc<CowStorage> {
        let storage = cow(&self.image);
        for place in places.chunks_exact(5) {
            let sector = usize::from(u16::from_le_bytes([place[0], place[1]]));
            let at = u64::from(u16::from_le_bytes([place[2], place[3]]) % 512);
            let offset = self.sectors[sector % self.sectors.len()] + at;
            storage.write_at(offset, &[place[4]]).unwrap();
        }
        storage
    }
}

/// Reads everything that can be read.
fn read_all(fs: &mut dyn ReadFs, folder: &str, depth: u32) {
    let names = fs.read_dir(if folder.is_empty() { "/" } else { folder });
    for name in names.unwrap_or_default().into_iter().take(100) {
        let path = format!("{folder}/{name}");
        let found = fs.metadata(&path);
        let _ = (fs.read(&path), fs.read_link(&path));
        if depth > 0
            && found.is_ok_and(|found| found.is_some_and(|found| found.kind == FileKind::Directory))
        {
            read_all(fs, &path, depth - 1);
        }
    }
    let _ = fs.free_bytes();
}

type Edit<'a> = &'a dyn Fn(&mut dyn WriteFs) -> diskimg::Result<()>;

/// Makes changes of every kind, each on a new copy, because no change is possible after an error.
fn write_all(open: impl Fn() -> Option<Box<dyn WriteFs>>) {
    let big = vec![7; 100_000];
    let edits: [Edit<'_>; 8] = [
        &|fs| fs.write_file("/etc/hostname", &big, ROOT),
        &|fs| fs.write_file("/config.txt", &big, ROOT),
        &|fs| fs.make_directory("/usr/lib/new", ROOT),
        &|fs| fs.make_directory("/overlays/new", ROOT),
        &|fs| fs.make_symlink("/lib/new", &"x/".repeat(100)),
        &|fs| fs.remove("/usr/lib/big"),
        &|fs| {
            fs.remove("/overlays/README")
                .and_then(|()| fs.remove("/overlays"))
        },
        &|fs| {
            fs.set_attributes(
                "/etc/twin",
                Attributes {
                    mode: 0o600,
                    ..ROOT
                },
            )
        },
    ];
    for edit in edits {
        let Some(mut fs) = open() else { return };
        let _ = edit(fs.as_mut());
        let _ = fs.finish();
    }
}

fn ext4(sample: &Sample, places: &[u8]) {
    if let Ok(mut reader) = Ext4Reader::open(sample.damaged(places)) {
        read_all(&mut reader, "", 3);
    }
    write_all(|| {
        let writer = Ext4Writer::open(sample.damaged(places), CLOCK);
        writer
            .ok()
            .map(|writer| Box::new(writer) as Box<dyn WriteFs>)
    });
}

fn fat_volume(sample: &Sample, places: &[u8]) {
    if let Ok(mut reader) = FatReader::open(sample.damaged(places)) {
        read_all(&mut reader, "", 3);
    }
    write_all(|| {
        let writer = FatWriter::open(sample.damaged(places), TIME);
        writer
            .ok()
            .map(|writer| Box::new(writer) as Box<dyn WriteFs>)
    });
}

fn table(sample: &Sample, places: &[u8]) {
    let storage = sample.damaged(places);
    let found = PartitionTable::read(storage.as_ref());
    let changed = set_mbr_disk_id(storage.as_ref(), 7);
    let Ok(table) = found else { return };
    for partition in &table.partitions {
        let end = partition.start.checked_add(partition.len);
        assert!(end.unwrap() <= storage.size(), "{partition:?}");
    }
    if changed.is_ok() && table.disk_id.is_some() {
        let expected = PartitionTable {
            disk_id: Some(7),
            ..table
        };
        assert_eq!(PartitionTable::read(storage.as_ref()).unwrap(), expected);
    }
}

macro_rules! sample {
    ($name:ident, $image:expr) => {
        static $name: LazyLock<Sample> = LazyLock::new(|| Sample::new($image));
    };
}

sample!(CHECKED, Ext4::new(&[]).mib(16).make());
sample!(
    UNCHECKED,
    Ext4::new(&["-b", "1024", "-O", "^metadata_csum,^64bit"])
        .mib(16)
        .make()
);
sample!(FAT32, fat(34, &["-F", "32", "-s", "1"]));
sample!(FAT16, fat(16, &["-F", "16"]));
sample!(MBR, mbr());
sample!(GPT, gpt());

#[test]
fn damaged_ext4_with_checksums() {
    survives("ext4", &[], |places| ext4(&CHECKED, places));
}

#[test]
fn damaged_ext4_without_checksums() {
    survives("ext4-unchecked", &[], |places| ext4(&UNCHECKED, places));
}

#[test]
fn damaged_fat32() {
    survives("fat32", &[], |places| fat_volume(&FAT32, places));
}

#[test]
fn damaged_fat16() {
    survives("fat16", &[], |places| fat_volume(&FAT16, places));
}

#[test]
fn damaged_tables() {
    survives("tables", &[], |places| {
        table(&MBR, places);
        table(&GPT, places);
    });
}
