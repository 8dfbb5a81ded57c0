//! Every checker rejects a bad image. Otherwise its silence about good images would prove nothing.

use diskimg::Storage;

use crate::support::checkers::{debugfs, e2fsck_file, file, fsck_vfat_file, table_file};
use crate::support::images::{Ext4, debugged, fat, gpt, mbr, patched};

fn e2fsck(storage: &dyn Storage) -> Result<(), String> {
    e2fsck_file(file(storage).path())
}

fn fsck_vfat(storage: &dyn Storage) -> Result<(), String> {
    fsck_vfat_file(file(storage).path())
}

fn table(storage: &dyn Storage) -> Result<(), String> {
    table_file(file(storage).path())
}

#[test]
fn e2fsck_rejects_a_block_that_is_used_but_free() {
    let image = Ext4::new(&[]).make();
    e2fsck(image.as_ref()).unwrap();
    let bad = debugged(image.as_ref(), &["freeb 1000 50"]);
    assert!(
        e2fsck(bad.as_ref())
            .unwrap_err()
            .contains("bitmap differences")
    );
}

#[test]
fn e2fsck_rejects_a_wrong_link_count() {
    let image = Ext4::new(&[]).make();
    let bad = debugged(image.as_ref(), &["sif /etc/hostname links_count 5"]);
    assert!(e2fsck(bad.as_ref()).unwrap_err().contains("ref count is 5"));
}

#[test]
fn e2fsck_rejects_a_wrong_free_count() {
    let image = Ext4::new(&["-O", "^metadata_csum"]).make();
    let bad = patched(image.as_ref(), 1024 + 12, &[1, 0, 0, 0]);
    assert!(e2fsck(bad.as_ref()).is_err());
}

#[test]
fn debugfs_sees_what_is_there() {
    let image = Ext4::new(&[]).make();
    assert_eq!(
        debugfs(image.as_ref(), "cat /etc/hostname"),
        "raspberrypi\n"
    );
    let missing = debugfs(image.as_ref(), "cat /etc/nothing");
    assert!(missing.contains("File not found"), "{missing}");
}

#[test]
fn fsck_vfat_rejects_a_wrong_free_count() {
    let image = fat(64, &["-F", "32", "-s", "1"]);
    fsck_vfat(image.as_ref()).unwrap();
    let bad = patched(image.as_ref(), 512 + 488, &[9, 9, 0, 0]);
    assert!(
        fsck_vfat(bad.as_ref())
            .unwrap_err()
            .contains("Free cluster summary wrong")
    );
}

#[test]
fn fsck_vfat_rejects_a_dirty_volume_and_differing_fats() {
    let image = fat(16, &["-F", "16"]);
    fsck_vfat(image.as_ref()).unwrap();
    let dirty = patched(image.as_ref(), 0x25, &[1]);
    assert!(fsck_vfat(dirty.as_ref()).is_err());
    let reserved = {
        let mut field = [0; 2];
        image.read_at(0x0E, &mut field).unwrap();
        u64::from(u16::from_le_bytes(field))
    };
    let differing = patched(image.as_ref(), reserved * 512 + 100, &[0xFF, 0xFF]);
    assert!(fsck_vfat(differing.as_ref()).is_err());
}

#[test]
fn sfdisk_and_sgdisk_reject_bad_tables() {
    let good = mbr();
    table(good.as_ref()).unwrap();
    // The second partition is moved onto the first.
    let overlap = patched(good.as_ref(), 446 + 16 + 8, &[0, 8, 0, 0]);
    assert!(table(overlap.as_ref()).is_err());
    let good = gpt();
    table(good.as_ref()).unwrap();
    let last = good.size() - 512;
    let no_copy = patched(good.as_ref(), last, &[0; 512]);
    assert!(table(no_copy.as_ref()).is_err());
}
