//! What the audit finds on FAT, and that fsck.vfat finds it as well.

use std::sync::Arc;

use diskimg::{Corrupt, Error, PartitionKind, Refused, Storage};

use crate::audit::{audited, rejected, rejected_saying};
use crate::support::images::{bytes, fat};

/// The directory entry of the file `config.txt`, and where a further entry of the root has its place.
const CONFIG: &[u8; 11] = b"CONFIG  TXT";
const BEHIND_OVERLAYS: u64 = 32;

#[test]
fn wrong_names_are_found() {
    let invalid = "is not a valid short name";
    for name in [
        "RE*DME", " EADME", "RE\"DME", "RE.DME", ".       ", "RE/DME",
    ] {
        damaged(b"README     ", 0, name.as_bytes(), invalid);
    }
    let nameless = "has neither a short nor a long name";
    damaged(b"README     ", 12, &[0x20], nameless);
    damaged(b"OVERLAYS   ", 0, CONFIG, "is there twice");
}

#[test]
fn wrong_attributes_are_found() {
    damaged(b"OVERLAYS   ", 28, &[1], "is a directory with a size");
    let both = "is both a label and a directory";
    let volume = Fat32::new();
    volume.field(b"OVERLAYS   ", BEHIND_OVERLAYS, b"LABEL      \x18");
    rejected_saying(&volume.image, PartitionKind::Fat, both);
    damaged(b"bootfs     ", 28, &[1], "is a label with content");
}

#[test]
fn a_label_that_is_wrong_or_not_in_the_boot_sector_is_found() {
    damaged(b"bootfs     ", 3, &[0xFF], "is not a valid label");
    damaged(b"bootfs     ", 3, b":", "is not a valid label");
    let other = "the label is `bootFs`, but `bootfs` in the boot sector; `fatlabel` sets both";
    damaged(b"bootfs     ", 4, b"F", other);
    let none = "the label is `NO NAME`, but `bootfs` in the boot sector; `fatlabel` sets both";
    damaged(b"bootfs     ", 0, &[0xE5], none);
    let volume = Fat32::new();
    volume.boot_sectors(0x42, &[0]);
    let unsigned = "the label is `bootfs`, but `` in the boot sector; `fatlabel` sets both";
    rejected_saying(&volume.image, PartitionKind::Fat, unsigned);
}

#[test]
fn wrong_dots_are_found() {
    let (own, parent) = ("is not the directory itself", "is not the directory above");
    for (name, at, value, expected) in [
        (b".          ", 26, &[5][..], own),
        (b".          ", 11, &[0x20], own),
        (b".          ", 12, &[0x20], own),
        (b".          ", 0, &[0xE5], own),
        (b"..         ", 26, &[4], parent),
        (b"..         ", 1, b"x", parent),
    ] {
        damaged(name, at, value, expected);
    }
}

#[test]
fn entries_behind_the_end_of_a_directory_are_found() {
    let volume = Fat32::new();
    let entry = [CONFIG.as_slice(), b"\x20"].concat();
    volume.field(b"OVERLAYS   ", 2 * BEHIND_OVERLAYS, &entry);
    rejected_saying(
        &volume.image,
        PartitionKind::Fat,
        "has entries behind its end",
    );
}

#[test]
fn long_names_without_their_file_are_found() {
    let part = |number: u8| {
        let mut entry = [0xFF; 32];
        entry[0] = number;
        (entry[11], entry[12], entry[13], entry[26], entry[27]) = (0x0F, 0, 0, 0, 0);
        entry
    };
    let mut removed = [0; 32];
    removed[0] = 0xE5;
    for entries in [
        vec![part(0x41)],
        vec![part(0x41), removed],
        vec![part(0x42), removed, part(1)],
        vec![part(1)],
        vec![part(0x43), part(1)],
    ] {
        let volume = Fat32::new();
        volume.field(b"OVERLAYS   ", BEHIND_OVERLAYS, &entries.concat());
        let expected = "has an incomplete long name";
        rejected_saying(&volume.image, PartitionKind::Fat, expected);
    }
}

#[test]
fn a_file_in_a_cluster_that_does_not_exist_is_found() {
    for cluster in [1_u16, 0xFFFF] {
        let volume = Fat32::new();
        volume.field(CONFIG, 26, &cluster.to_le_bytes());
        volume.field(CONFIG, 20, &(cluster >> 8).to_le_bytes());
        volume.entry(3, 0);
        let cluster = u32::from(cluster >> 8) << 16 | u32::from(cluster);
        let expected = Corrupt::NoFatEntry { cluster };
        rejected(&volume.image, PartitionKind::Fat, expected);
    }
}

#[test]
fn wrong_first_entries_of_the_tables_are_found() {
    let volume = Fat32::new();
    let value = 0x0FFF_FF08;
    volume.entry(0, value);
    let expected = Corrupt::FatEntry { cluster: 0, value };
    rejected(&volume.image, PartitionKind::Fat, expected);
}

#[test]
fn a_fat32_without_a_copy_of_its_boot_sector_is_found() {
    for place in [0_u16, 0xFFFF] {
        let volume = Fat32::new();
        volume.boot_sectors(0x32, &place.to_le_bytes());
        let expected = Corrupt::NoBackupBootSector;
        rejected(&volume.image, PartitionKind::Fat, expected);
    }
}

#[test]
fn a_root_directory_of_the_wrong_size_is_found() {
    let (field, value) = ("BPB_RootEntCnt", 16);
    let volume = Fat32::new();
    volume.boot_sectors(0x11, &[16]);
    let expected = Corrupt::BootSectorField { field, value };
    rejected(&volume.image, PartitionKind::Fat, expected);
    for value in [0_u16, 510] {
        let fat16 = fat(16, &["-F", "16"]);
        fat16.write_at(0x11, &value.to_le_bytes()).unwrap();
        let value = value.into();
        let expected = Corrupt::BootSectorField { field, value };
        rejected(&fat16, PartitionKind::Fat, expected);
    }
}

#[test]
fn a_volume_that_is_still_mounted_is_refused() {
    let volume = Fat32::new();
    volume.boot_sectors(0x41, &[1]);
    let (boot, fat) = (1, LAST);
    let expected = Error::Refused(Refused::DirtyFat { boot, fat });
    assert_eq!(audited(&volume.image, PartitionKind::Fat), Err(expected));
}

/// Asserts that a change of a directory entry is found by the audit and by fsck.vfat.
#[track_caller]
fn damaged(name: &[u8; 11], at: u64, value: &[u8], expected: &str) {
    let volume = Fat32::new();
    volume.field(name, at, value);
    rejected_saying(&volume.image, PartitionKind::Fat, expected);
}

/// A FAT32 and the offsets of its tables.
struct Fat32 {
    image: Arc<dyn Storage>,
    tables: [u64; 2],
}

impl Fat32 {
    fn new() -> Self {
        let image = fat(64, &["-F", "32", "-s", "1"]);
        let mut len = [0; 4];
        image.read_at(0x24, &mut len).unwrap();
        let first = 32 * 512;
        let second = first + u64::from(u32::from_le_bytes(len)) * 512;
        let tables = [first, second];
        Self { image, tables }
    }

    /// Sets an entry of both tables.
    fn entry(&self, cluster: u64, value: u32) {
        for table in self.tables {
            let written = self
                .image
                .write_at(table + cluster * 4, &value.to_le_bytes());
            written.unwrap();
        }
    }

    /// Sets a field of the boot sector and of its copy.
    fn boot_sectors(&self, at: u64, value: &[u8]) {
        for sector in [0, 6] {
            self.image.write_at(sector * 512 + at, value).unwrap();
        }
    }

    /// Sets a field of the directory entry with this short name.
    fn field(&self, name: &[u8; 11], at: u64, value: &[u8]) {
        let image = bytes(self.image.as_ref());
        let is_it = |entry: &[u8]| entry.starts_with(name);
        let entry = 32 * image.chunks(32).position(is_it).unwrap();
        let offset = u64::try_from(entry).unwrap() + at;
        self.image.write_at(offset, value).unwrap();
    }
}

const LAST: u32 = 0x0FFF_FFFF;

#[test]
fn a_copy_of_the_boot_sector_that_differs_is_found() {
    let volume = Fat32::new();
    let offset = 6 * 512;
    volume.image.write_at(offset + 100, &[1]).unwrap();
    let expected = Corrupt::BackupBootSector { offset };
    rejected(&volume.image, PartitionKind::Fat, expected);
}

#[test]
fn fats_that_differ_are_found() {
    let volume = Fat32::new();
    let [first, second] = volume.tables;
    volume.image.write_at(second + 400, &[1]).unwrap();
    let offset = first + 400;
    let expected = Corrupt::FatsDiffer { offset };
    rejected(&volume.image, PartitionKind::Fat, expected);
}

#[test]
fn a_lost_cluster_is_found() {
    let volume = Fat32::new();
    volume.entry(90, LAST);
    let expected = Corrupt::FatLostCluster { cluster: 90 };
    rejected(&volume.image, PartitionKind::Fat, expected);
}

#[test]
fn a_file_with_a_wrong_number_of_clusters_is_found() {
    for size in [5000_u32, 0] {
        let volume = Fat32::new();
        volume.field(b"README     ", 28, &size.to_le_bytes());
        let expected = Corrupt::FatFileSize {
            path: "/OVERLAYS/README".to_owned(),
            size,
            clusters: 1,
        };
        rejected(&volume.image, PartitionKind::Fat, expected);
    }
}

#[test]
fn two_files_in_one_cluster_are_found() {
    let volume = Fat32::new();
    volume.field(b"README     ", 26, &3_u16.to_le_bytes());
    let expected = Corrupt::FatCrossLink { cluster: 3 };
    rejected(&volume.image, PartitionKind::Fat, expected);
}

#[test]
fn a_file_in_a_free_cluster_is_found() {
    let volume = Fat32::new();
    volume.field(b"README     ", 26, &700_u16.to_le_bytes());
    let (cluster, value) = (700, 0);
    let expected = Corrupt::FatEntry { cluster, value };
    rejected(&volume.image, PartitionKind::Fat, expected);
}
