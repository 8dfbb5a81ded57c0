//! `audit` accepts what e2fsck and fsck.vfat accept, and names the damage that they find in allocation maps.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use diskimg::{Corrupt, Error, Partition, PartitionKind, Storage, StorageError, audit};

use crate::support::checkers::{debugfs, e2fsck_file, file, fsck_vfat_file};
use crate::support::images::{Ext4, debugged, fat, flavours, patched};

/// Audits an image that is one partition.
pub(crate) fn audited(image: &Arc<dyn Storage>, kind: PartitionKind) -> diskimg::Result<()> {
    let (start, len) = (0, image.size());
    let partition = Partition {
        number: 1,
        start,
        len,
        kind,
    };
    audit(&partition, image)
}

#[track_caller]
pub(crate) fn accepted(image: &Arc<dyn Storage>, kind: PartitionKind) {
    assert_eq!(audited(image, kind), Ok(()));
}

/// Asserts that the other program rejects the image, and that the audit fails with this error.
#[track_caller]
pub(crate) fn rejected(image: &Arc<dyn Storage>, kind: PartitionKind, expected: Corrupt) {
    let file = file(image.as_ref());
    let other = match kind {
        PartitionKind::Fat => fsck_vfat_file(file.path()),
        _ => e2fsck_file(file.path()),
    };
    other.unwrap_err();
    assert_eq!(audited(image, kind), Err(Error::Corrupt(expected)));
}

#[test]
fn sound_file_systems_are_accepted() {
    for (_, ext4) in flavours() {
        accepted(&ext4.make(), PartitionKind::Linux);
    }
    let options: [(u64, &[&str]); 3] = [
        (64, &["-F", "32", "-s", "1"]),
        (160, &["-F", "32", "-s", "4"]),
        (16, &["-F", "16"]),
    ];
    for (mib, options) in options {
        accepted(&fat(mib, options), PartitionKind::Fat);
    }
}

/// Storage with one read that fails, after a number of others.
#[derive(Debug)]
struct OneFailingRead {
    inner: Arc<dyn Storage>,
    before: AtomicU32,
}

/// The error of that read.
fn read_error() -> StorageError {
    StorageError::Io {
        offset: 0,
        kind: ErrorKind::Other,
        message: "Input/output error".to_owned(),
    }
}

impl Storage for OneFailingRead {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> diskimg::Result<()> {
        match self.before.fetch_sub(1, Ordering::SeqCst) {
            0 => Err(read_error().into()),
            _ => self.inner.read_at(offset, buf),
        }
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> diskimg::Result<()> {
        self.inner.write_at(offset, bytes)
    }
}

#[test]
fn a_read_that_fails_is_not_taken_for_damage() {
    for (image, kind) in [
        (Ext4::new(&[]).make(), PartitionKind::Linux),
        (fat(16, &["-F", "16"]), PartitionKind::Fat),
    ] {
        let mut failures = 0;
        for before in (0..).step_by(3) {
            let storage: Arc<dyn Storage> = Arc::new(OneFailingRead {
                inner: image.clone(),
                before: before.into(),
            });
            match audited(&storage, kind) {
                Ok(()) => break,
                error => assert_eq!(error, Err(read_error().into()), "after {before} reads"),
            }
            failures += 1;
        }
        assert!(failures > 1, "{kind:?}: {failures}");
    }
}

#[test]
fn other_partitions_are_not_checked() {
    let image: Arc<dyn Storage> = Arc::new(diskimg::Memory::new(vec![0; 512]));
    accepted(&image, PartitionKind::Other);
}

/// Returns the offsets of the first group's bitmaps.
fn bitmaps(image: &dyn Storage, block_size: u64) -> [u64; 2] {
    let stats = debugfs(image, "stats");
    ["block bitmap at ", "inode bitmap at "].map(|label| {
        let (_, after) = stats.split_once(label).unwrap();
        let (block, _) = after.split_once(',').unwrap();
        block.parse::<u64>().unwrap() * block_size
    })
}

#[test]
fn a_changed_byte_of_a_bitmap_does_not_match_its_checksum() {
    let trixie = Ext4::new(&["-O", "^64bit,^huge_file,orphan_file,metadata_csum_seed"]);
    for ext4 in [Ext4::new(&[]), trixie] {
        let image = ext4.make();
        let offsets = bitmaps(image.as_ref(), 4096);
        for (offset, bitmap) in offsets.into_iter().zip(["block", "inode"]) {
            let damaged = patched(image.as_ref(), offset + 1, &[0x55]);
            let group = 0;
            let expected = Corrupt::BitmapChecksum { bitmap, group };
            rejected(&damaged, PartitionKind::Linux, expected);
        }
    }
}

#[test]
fn a_changed_byte_of_a_bitmap_without_checksum_does_not_match_the_free_count() {
    let image = Ext4::new(&["-O", "^metadata_csum,uninit_bg"]).make();
    let [blocks, inodes] = bitmaps(image.as_ref(), 4096);
    for (offset, unit) in [(blocks, "blocks"), (inodes, "inodes")] {
        let mut byte = [0];
        image.read_at(offset, &mut byte).unwrap();
        assert_eq!(byte, [0xFF], "the first eight are in use");
        let damaged = patched(image.as_ref(), offset, &[0x7F]);
        let Err(Error::Corrupt(found)) = audited(&damaged, PartitionKind::Linux) else {
            panic!("accepted");
        };
        let Corrupt::FreeCount {
            stated, counted, ..
        } = found
        else {
            panic!("{found}");
        };
        assert_eq!(counted, stated + 1);
        let expected = Corrupt::FreeCount {
            group: 0,
            unit,
            stated,
            counted,
        };
        rejected(&damaged, PartitionKind::Linux, expected);
    }
}

#[test]
fn a_wrong_link_count_is_found() {
    let image = Ext4::new(&[]).make();
    let damaged = debugged(image.as_ref(), &["sif /etc/hostname links_count 5"]);
    let Err(Error::Corrupt(found)) = audited(&damaged, PartitionKind::Linux) else {
        panic!("accepted");
    };
    let text = found.to_string();
    assert!(text.ends_with("has 5 links, 2 names were found"), "{text}");
    rejected(&damaged, PartitionKind::Linux, found);
}

/// Asserts that the other program rejects the image, and that the audit finds a structure with this fault.
#[track_caller]
pub(crate) fn rejected_saying(image: &Arc<dyn Storage>, kind: PartitionKind, expected: &str) {
    let Err(Error::Corrupt(found)) = audited(image, kind) else {
        panic!("accepted");
    };
    let Corrupt::Structure { reason, .. } = &found else {
        panic!("{found}");
    };
    assert_eq!(reason, expected);
    rejected(image, kind, found);
}

#[test]
fn wrong_fields_of_an_inode_are_found() {
    let image = Ext4::new(&["-O", "^64bit,^huge_file"]).make();
    for (change, expected) in [
        (
            "sif /etc/hostname dtime @7",
            "is in use but has a time of deletion",
        ),
        (
            "sif /etc/hostname blocks 24",
            "states 24 sectors, 8 were found",
        ),
        (
            "sif /usr/lib/big size 4096",
            "has a size that does not fit its data",
        ),
        (
            "sif /etc size 8192",
            "has a size that does not fit its data",
        ),
        (
            "sif /etc/hostname flags 0x10080000",
            "has flags of features that the file system does not have",
        ),
        (
            "sif <7> block[DIND] 99999999",
            "has block 99999999 in the wrong place",
        ),
    ] {
        let damaged = debugged(image.as_ref(), &[change]);
        rejected_saying(&damaged, PartitionKind::Linux, expected);
    }
}

#[test]
fn a_bitmap_with_the_right_count_of_the_wrong_blocks_is_found() {
    let image = Ext4::new(&[]).make();
    let used = debugfs(image.as_ref(), "bmap /etc/hostname 0");
    let swap = [format!("freeb {}", used.trim()), "setb 16000".to_owned()];
    let damaged = debugged(image.as_ref(), &swap.each_ref().map(String::as_str));
    let expected = format!("the block bitmap is wrong about its block {}", used.trim());
    rejected_saying(&damaged, PartitionKind::Linux, &expected);
}

#[test]
fn a_bitmap_that_ends_with_free_blocks_or_inodes_is_found() {
    let image = Ext4::new(&["-O", "^metadata_csum,uninit_bg"]).make();
    let [blocks, inodes] = bitmaps(image.as_ref(), 4096);
    let damaged = patched(image.as_ref(), blocks + 4095, &[0x7F]);
    let expected = "the block bitmap is wrong about its block 32767";
    rejected_saying(&damaged, PartitionKind::Linux, expected);
    let damaged = patched(image.as_ref(), inodes + 4095, &[0x7F]);
    let expected = "the end of the inode bitmap is not set";
    rejected_saying(&damaged, PartitionKind::Linux, expected);
}

#[test]
fn blocks_in_use_in_a_group_that_was_never_written_are_found() {
    let groups = ["-g", "2048", "-O", "^metadata_csum,uninit_bg,^has_journal"];
    let image = Ext4::new(&groups).with(|root| {
        std::fs::write(root.join("large"), vec![b'L'; 20_000_000]).unwrap();
    });
    accepted(&image, PartitionKind::Linux);
    let stats = debugfs(image.as_ref(), "stats");
    let (_, free) = stats.split_once("Free blocks:").unwrap();
    let free: u32 = free.split_whitespace().next().unwrap().parse().unwrap();
    // The file fills group 2. Free counts that say otherwise agree with each other.
    let free = format!("ssv free_blocks_count {}", free + 2048);
    let damaged = debugged(
        image.as_ref(),
        &[
            "set_bg 2 free_blocks_count 2048",
            "set_bg 2 flags 3",
            "set_bg 2 checksum calc",
            &free,
        ],
    );
    let expected = "has blocks in use, but its block bitmap was never written";
    rejected_saying(&damaged, PartitionKind::Linux, expected);
}
