//! A whole image as the program edits it: table, FAT and ext4 on one copy-on-write storage, runs written into a copy.

use std::sync::Arc;

use diskimg::table::set_mbr_disk_id;
use diskimg::{Memory, Partition, PartitionKind, PartitionTable, ReadFs, Result, Storage, WriteFs};
use diskimg::{ext4, fat};

use crate::ext4_writes::{CLOCK, ROOT};
use crate::fat_writes::TIME;
use crate::support::checkers;
use crate::support::images::{self, Ext4, MIB, bytes, cow, mbr};

/// Returns the disk of `mbr()` with a FAT of 16 MiB and an ext4 of 20 MiB in its partitions.
fn disk() -> Arc<dyn Storage> {
    let image = mbr();
    let boot = images::fat(16, &["-F", "16"]);
    let root = Ext4::new(&["-O", "^64bit,^huge_file"]).mib(20).make();
    image.write_at(8 * MIB, &bytes(boot.as_ref())).unwrap();
    image.write_at(24 * MIB, &bytes(root.as_ref())).unwrap();
    image
}

fn partition(image: &Arc<dyn Storage>, kind: PartitionKind) -> Arc<dyn Storage> {
    let partitions = PartitionTable::read(image.as_ref()).unwrap().partitions;
    let is_it = |partition: &&Partition| partition.kind == kind;
    let found = partitions.iter().find(is_it).unwrap();
    Arc::new(found.window(image).unwrap())
}

/// Writes a node's disk id, `cmdline.txt` and host name.
fn personalize(image: &Arc<dyn Storage>, id: u32, name: &str) {
    set_mbr_disk_id(image.as_ref(), id).unwrap();
    let boot = partition(image, PartitionKind::Fat);
    let mut boot = Box::new(fat::FatWriter::open(boot, TIME).unwrap());
    let line = format!("root=PARTUUID={id:08x}-02");
    boot.write_file("/cmdline.txt", line.as_bytes(), ROOT)
        .unwrap();
    boot.finish().unwrap();
    let root = partition(image, PartitionKind::Linux);
    let mut root = Box::new(ext4::Ext4Writer::open(root, CLOCK).unwrap());
    root.write_file("/etc/hostname", name.as_bytes(), ROOT)
        .unwrap();
    root.finish().unwrap();
}

#[test]
fn runs_written_into_a_copy_make_the_edited_image() {
    let base = disk();
    let before = bytes(base.as_ref());
    for (id, name) in [(1, "etcd1"), (2, "etcd2")] {
        let changes = cow(&base);
        personalize(&(changes.clone() as Arc<dyn Storage>), id, name);
        let copy: Arc<dyn Storage> = Arc::new(Memory::new(before.clone()));
        for run in changes.runs().collect::<Result<Vec<_>>>().unwrap() {
            copy.write_at(run.offset, &run.bytes).unwrap();
        }
        assert!(bytes(copy.as_ref()) == bytes(changes.as_ref()));
        let lengths = changes.runs().map(|run| run.unwrap().bytes.len());
        assert!(lengths.sum::<usize>() < 1 << 20, "{changes:?}");

        checkers::table(copy.as_ref());
        checkers::fsck_vfat(partition(&copy, PartitionKind::Fat).as_ref());
        checkers::e2fsck(partition(&copy, PartitionKind::Linux).as_ref());
        assert_eq!(
            PartitionTable::read(copy.as_ref()).unwrap().disk_id,
            Some(id)
        );
        let mut root = ext4::Ext4Reader::open(partition(&copy, PartitionKind::Linux)).unwrap();
        assert_eq!(root.read("/etc/hostname").unwrap(), name.as_bytes());
        let mut boot = fat::FatReader::open(partition(&copy, PartitionKind::Fat)).unwrap();
        let line = format!("root=PARTUUID={id:08x}-02");
        assert_eq!(boot.read("/cmdline.txt").unwrap(), line.as_bytes());
    }
    assert!(bytes(base.as_ref()) == before);
}

#[test]
fn images_of_one_base_can_be_edited_at_the_same_time() {
    let base = disk();
    let images = std::thread::scope(|scope| {
        [(1, "etcd1"), (2, "etcd2"), (1, "etcd1")]
            .map(|(id, name)| {
                let image = cow(&base);
                scope.spawn(move || {
                    personalize(&(image.clone() as Arc<dyn Storage>), id, name);
                    bytes(image.as_ref())
                })
            })
            .map(|thread| thread.join().unwrap())
    });
    assert!(images[0] == images[2]);
    assert!(images[0] != images[1]);
}
