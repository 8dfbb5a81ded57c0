//! What is rejected on FAT, and with which error.

use std::sync::Arc;

use diskimg::fat::{FatReader, FatWriter, gate};
use diskimg::{Corrupt, Error, ReadFs, Refused, Storage, StorageError, Unsupported};

use crate::fat_writes::{NONE, TIME, edit, reader};
use crate::support::checkers::fsck_vfat;
use crate::support::images::{MIB, bytes, cow, fat, patched};

fn fat32() -> Arc<dyn Storage> {
    fat(64, &["-F", "32", "-s", "1"])
}

/// Returns the error of opening a writer after these bytes were changed.
fn refusal(volume: &dyn Storage, offset: u64, bytes: &[u8]) -> Error {
    FatWriter::open(patched(volume, offset, bytes), TIME).unwrap_err()
}

fn path(path: &str) -> String {
    path.to_owned()
}

#[test]
fn a_valid_volume_is_accepted() {
    assert_eq!(gate(fat32().as_ref()), Ok(()));
    assert_eq!(gate(fat(16, &["-F", "16"]).as_ref()), Ok(()));
}

#[test]
fn the_reader_knows_the_label_and_the_free_clusters() {
    let mut reader = FatReader::open(fat32()).unwrap();
    assert_eq!(reader.label(), "bootfs");
    assert_eq!(reader.free_bytes(), Ok(129_018 * 512));
}

#[test]
fn a_dirty_volume_is_refused_but_readable() {
    let volume = fat32();
    let fat_start = 32 * 512;
    let (clean, dirty) = (0x0FFF_FFFF, 0x07FF_FFFF_u32);
    let mounted = |boot| Error::Refused(Refused::DirtyFat { boot, fat: clean });
    assert_eq!(refusal(volume.as_ref(), 0x41, &[1]), mounted(1));
    assert_eq!(refusal(volume.as_ref(), 0x41, &[2]), mounted(2));
    let windows = refusal(volume.as_ref(), fat_start + 4, &dirty.to_le_bytes());
    assert_eq!(
        windows,
        Error::Refused(Refused::DirtyFat {
            boot: 0,
            fat: dirty
        })
    );
    let mut reader = FatReader::open(patched(volume.as_ref(), 0x41, &[1])).unwrap();
    assert_eq!(reader.read("/config.txt").unwrap(), b"arm_64bit=1\n");
    let fat16 = fat(16, &["-F", "16"]);
    let fat = 0xFFFF;
    let found = refusal(fat16.as_ref(), 0x25, &[1]);
    assert_eq!(found, Error::Refused(Refused::DirtyFat { boot: 1, fat }));
}

#[test]
fn a_damaged_boot_sector_is_rejected() {
    let volume = fat32();
    let cases: [(u64, &[u8], &str, u64); 10] = [
        (510, &[0, 0], "Signature_word", 0),
        (0x0B, &[3, 0], "BPB_BytsPerSec", 3),
        (0x0D, &[3], "BPB_SecPerClus", 3),
        (0x0E, &[0, 0], "BPB_RsvdSecCnt", 0),
        (0x10, &[0], "BPB_NumFATs", 0),
        (0x20, &[1, 0, 0, 0], "BPB_TotSec", 1),
        (0x24, &[1, 0, 0, 0], "BPB_FATSz", 1),
        (0x30, &[0, 0], "BPB_FSInfo", 0),
        (0x30, &[0, 1], "BPB_FSInfo", 256),
        (0x2C, &[1], "BPB_RootClus", 1),
    ];
    for (offset, bytes, field, value) in cases {
        let expected = Corrupt::BootSectorField { field, value };
        assert_eq!(
            refusal(volume.as_ref(), offset, bytes),
            Error::Corrupt(expected)
        );
    }
    let sectors = Unsupported::FatSectorSize { bytes: 4096 };
    let found = refusal(volume.as_ref(), 0x0B, &[0, 0x10]);
    assert_eq!(found, Error::Unsupported(sectors));
    let info = Corrupt::FsInfo { offset: 512 };
    assert_eq!(refusal(volume.as_ref(), 512, b"X"), Error::Corrupt(info));
    let larger = Corrupt::FilesystemPastEnd {
        need: 64 * MIB + 512,
        size: 64 * MIB,
    };
    let found = refusal(volume.as_ref(), 0x20, &[1, 0, 2, 0]);
    assert_eq!(found, Error::Corrupt(larger));
}

#[test]
fn fat12_and_an_image_without_a_boot_sector_are_rejected() {
    let small = fat(4, &["-F", "12"]);
    let found = gate(small.as_ref()).unwrap_err();
    assert!(
        matches!(found, Error::Unsupported(Unsupported::Fat12 { .. })),
        "{found:?}"
    );
    let short = StorageError::OutOfRange {
        offset: 0,
        len: 512,
        size: 100,
    };
    let nothing = diskimg::Memory::new(vec![0; 100]);
    assert_eq!(gate(&nothing), Err(Error::Storage(short)));
}

#[test]
fn cyclic_and_invalid_chains_are_rejected() {
    let volume = fat32();
    let entry = |cluster: u64| 32 * 512 + cluster * 4;
    let cycle = refusal(volume.as_ref(), entry(9), &9_u32.to_le_bytes());
    assert_eq!(cycle, Error::Corrupt(Corrupt::FatCycle { cluster: 9 }));
    let far = refusal(volume.as_ref(), entry(9), &0x0F00_0000_u32.to_le_bytes());
    let expected = Corrupt::FatEntry {
        cluster: 9,
        value: 0x0F00_0000,
    };
    assert_eq!(far, Error::Corrupt(expected));
    // The reader would loop forever, and therefore rejects it as well.
    let opened = FatReader::open(patched(volume.as_ref(), entry(9), &9_u32.to_le_bytes()));
    assert_eq!(opened.unwrap_err(), cycle);
}

#[test]
fn wrong_requests_are_refused() {
    let storage = cow(&fat32());
    edit(&storage, |fs| {
        let link = Unsupported::FatSymlink { path: path("/x") };
        assert_eq!(fs.make_symlink("/x", "y"), Err(Error::Unsupported(link)));
        let cases = [
            (
                fs.make_directory("/OVERLAYS", NONE),
                Refused::Exists {
                    path: path("/OVERLAYS"),
                },
            ),
            (
                fs.make_directory("/a/b", NONE),
                Refused::NotFound { path: path("/a/b") },
            ),
            (
                fs.write_file("/overlays", b"", NONE),
                Refused::NotAFile {
                    path: path("/overlays"),
                },
            ),
            (
                fs.remove("/overlays"),
                Refused::DirectoryNotEmpty {
                    path: path("/overlays"),
                },
            ),
            (
                fs.remove("/none"),
                Refused::NotFound {
                    path: path("/none"),
                },
            ),
            (
                fs.set_attributes("/none", NONE),
                Refused::NotFound {
                    path: path("/none"),
                },
            ),
            (
                fs.write_file("/config.txt/x", b"", NONE),
                Refused::NotADirectory {
                    path: path("/config.txt/x"),
                },
            ),
            (
                fs.write_file("/a:b", b"", NONE),
                Refused::Path {
                    path: path("/a:b"),
                    reason: "is not a valid name on FAT",
                },
            ),
        ];
        for (result, expected) in cases {
            assert_eq!(result, Err(Error::Refused(expected)));
        }
    });
    assert_eq!(storage.runs().count(), 0);
}

#[test]
fn attributes_are_accepted_and_ignored() {
    let storage = cow(&fat32());
    edit(&storage, |fs| {
        assert_eq!(fs.set_attributes("/config.txt", NONE), Ok(()));
        assert_eq!(fs.set_attributes("/", NONE), Ok(()));
    });
    assert_eq!(storage.runs().count(), 0);
}

#[test]
fn times_that_fat_cannot_store_are_refused() {
    let found = FatWriter::open(fat32(), 0).unwrap_err();
    assert_eq!(found, Error::Refused(Refused::Time { seconds: 0 }));
}

#[test]
fn a_full_volume_is_sound_and_the_error_names_the_free_bytes() {
    let storage = cow(&fat(16, &["-F", "16"]));
    let free = reader(&storage).free_bytes().unwrap();
    let content = vec![5; usize::try_from(free).unwrap() + 1];
    edit(&storage, |fs| {
        let refused = Refused::NoSpace {
            path: path("/big"),
            need: free + 2048,
            free,
        };
        let found = fs.write_file("/big", &content, NONE);
        assert_eq!(found, Err(Error::Refused(refused)));
        fs.write_file("/fits", &content[1..], NONE).unwrap();
        let found = fs.make_directory("/one more", NONE).unwrap_err();
        assert!(matches!(found, Error::Refused(Refused::NoSpace { .. })));
        // The clusters of the replaced file count as free.
        fs.write_file("/fits", &content[2..], NONE).unwrap();
    });
    fsck_vfat(storage.as_ref());
}

#[test]
fn wrong_free_counts_are_corrected() {
    let good = fat32();
    let unknown = patched(good.as_ref(), 512 + 488, &[0xFF; 8]);
    let wrong = patched(good.as_ref(), 512 + 488, &[1, 2, 3, 0]);
    for volume in [unknown, wrong] {
        let storage = cow(&volume);
        edit(&storage, |fs| {
            fs.write_file("/new", &[1; 5000], NONE).unwrap();
        });
        fsck_vfat(storage.as_ref());
        assert_eq!(reader(&storage).read("/new").unwrap(), [1; 5000]);
    }
}

#[test]
fn the_base_is_never_changed() {
    let base = fat32();
    let before = bytes(base.as_ref());
    edit(&cow(&base), |fs| {
        fs.write_file("/new", &[1; 5000], NONE).unwrap();
    });
    assert!(bytes(base.as_ref()) == before);
}
