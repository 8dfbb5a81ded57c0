//! Volumes with every option of mkfs.vfat that changes the format: each is edited and stays sound, or is refused.

use diskimg::fat::{FatReader, FatWriter};
use diskimg::{Corrupt, Error, ReadFs as _, Unsupported};

use crate::fat_writes::{NONE, TIME, edit, reader};
use crate::support::checkers::fsck_vfat;
use crate::support::images::{cow, empty_fat, fat};

/// The size in MiB and the options of volumes that are edited.
const EDITED: [(u64, &str); 22] = [
    (16, "-F 16"),
    (16, "-F 16 -f 1"),
    (16, "-F 16 -r 16"),
    (16, "-F 16 -r 1024"),
    (16, "-F 16 -R 8"),
    (16, "-F 16 -a"),
    (16, "-F 16 -M 0xf0"),
    (16, "-F 16 -s 1"),
    (16, "-F 16 -s 8"),
    (160, "-F 16 -s 32"),
    (34, "-F 32"),
    (34, "-F 32 -s 1 -f 1"),
    (34, "-F 32 -s 1 -R 200"),
    (34, "-F 32 -s 1 -R 200 -b 100"),
    (34, "-F 32 -s 1 -a"),
    (34, "-F 32 -s 1 -g 255/63 -h 2048 -D 0x80"),
    (34, "-F 32 -s 1 --mbr=y"),
    (34, "-F 32 -s 1 --codepage=437"),
    (34, "-F 32 -s 1 -M 0xf0"),
    (34, "-F 32 -s 1 -n boot"),
    (160, "-F 32 -s 2"),
    (320, "-F 32 -s 8"),
];

/// The size in MiB and the options of volumes that are refused, and whether they are damaged.
const REFUSED: [(u64, &str, bool); 7] = [
    (4, "-F 12", false),
    (34, "-F 32 -s 8", false),
    (34, "-F 32 -S 1024", false),
    (34, "-F 32 -S 4096", false),
    (34, "-F 16 -S 2048", false),
    (16, "-F 16 -f 3", true),
    (34, "-F 32 -s 1 -f 4", true),
];

fn words(options: &str) -> Vec<&str> {
    options.split(' ').collect()
}

#[test]
fn volumes_with_unusual_options_stay_sound() {
    let content = vec![7; 70_000];
    for (mib, options) in EDITED {
        let storage = cow(&fat(mib, &words(options)));
        edit(&storage, |fs| {
            fs.write_file("/new file.text", &content, NONE).unwrap();
            fs.make_directory("/new", NONE).unwrap();
            fs.remove("/overlays/README").unwrap();
        });
        fsck_vfat(storage.as_ref());
        let found = reader(&storage).read("/new file.text").unwrap();
        assert!(found == content, "{options}");
    }
}

#[test]
fn other_volumes_are_refused_as_what_they_are() {
    for (mib, options, is_damaged) in REFUSED {
        let volume = empty_fat(mib, &words(options));
        let error = FatWriter::open(volume.clone(), TIME).unwrap_err();
        let is_corrupt = matches!(error, Error::Corrupt(Corrupt::BootSectorField { .. }));
        assert_eq!(is_corrupt, is_damaged, "{options}: {error}");
        assert_eq!(FatReader::open(volume).unwrap_err(), error, "{options}");
    }
    let few = FatWriter::open(empty_fat(34, &words("-F 32 -s 8")), TIME).unwrap_err();
    let clusters = 8682;
    assert_eq!(
        few,
        Error::Unsupported(Unsupported::SmallFat32 { clusters })
    );
}
