//! What is rejected on ext4, with which error, and that nothing is changed.

use std::sync::Arc;

use diskimg::ext4::{Clock, Ext4Reader, Ext4Writer, FeatureSet, gate};
use diskimg::{
    Attributes, Corrupt, CowStorage, Error, ReadFs, ReadOnlyFile, Refused, Storage, Unsupported,
    WriteFs,
};

use crate::ext4_writes::{CLOCK, ROOT, edit, reader};
use crate::support::checkers::{e2fsck_file, file};
use crate::support::images::{Ext4, bytes, cow, debugged, patched};
use crate::support::run;

/// Returns the error of opening a writer.
fn refusal(storage: Arc<dyn Storage>) -> Error {
    Ext4Writer::open(storage, CLOCK).unwrap_err()
}

fn path(path: &str) -> String {
    path.to_owned()
}

#[test]
fn a_journal_with_a_transaction_is_refused() {
    let requests = [
        "journal_open -c -v 3",
        "journal_write -b 5 /dev/zero",
        "journal_close",
    ];
    let dirty = debugged(Ext4::new(&[]).make().as_ref(), &requests);
    assert_eq!(
        refusal(dirty.clone()),
        Error::Refused(Refused::JournalNeedsRecovery)
    );
    // Without the flag, the transaction is still in the journal.
    let hidden = debugged(dirty.as_ref(), &["feature -needs_recovery"]);
    let start = Refused::JournalNotEmpty { start: 1 };
    assert_eq!(refusal(hidden), Error::Refused(start));
    // Reading is allowed, because nothing would be lost.
    Ext4Reader::open(dirty).unwrap();
}

#[test]
fn orphans_and_errors_are_refused() {
    let image = Ext4::new(&["-O", "orphan_file"]).make();
    let cases = [
        ("ssv last_orphan 12", Refused::OrphanList { first: 12 }),
        ("feature orphan_present", Refused::OrphanFile),
        ("ssv state 3", Refused::ErrorState { state: 3 }),
        ("ssv state 0", Refused::NotClean { state: 0 }),
    ];
    for (request, expected) in cases {
        let found = refusal(debugged(image.as_ref(), &[request]));
        assert_eq!(found, Error::Refused(expected), "{request}");
    }
}

#[test]
fn unknown_features_are_rejected() {
    use FeatureSet::{Incompat, RoCompat};
    let cases = [
        ("inline_data", Incompat, 0x8000),
        ("encrypt", Incompat, 0x1_0000),
        ("casefold", Incompat, 0x2_0000),
        ("ea_inode", Incompat, 0x400),
        ("mmp", Incompat, 0x100),
        ("quota", RoCompat, 0x100),
        ("bigalloc", RoCompat, 0x200),
        ("project", RoCompat, 0x2000),
    ];
    for (feature, set, bits) in cases {
        let image = Ext4::new(&["-O", feature]).empty();
        let expected = Unsupported::Feature { set, bits };
        assert_eq!(
            gate(image.as_ref()),
            Err(Error::Unsupported(expected.clone())),
            "{feature}"
        );
        let message = format!("the file system has features that are not supported: {feature}");
        assert_eq!(expected.to_string(), message);
    }
    let ext3 = Ext4::new(&["-O", "^extent,^64bit,^flex_bg"]).empty();
    let (set, bits) = (Incompat, 0x40);
    let expected = Unsupported::MissingFeature { set, bits };
    assert_eq!(gate(ext3.as_ref()), Err(Error::Unsupported(expected)));
}

#[test]
fn small_inodes_are_edited_without_checksums_only() {
    let image = |features| Ext4::new(&["-I", "128", "-O", features]).make();
    let expected = Unsupported::InodeSize { bytes: 128 };
    assert_eq!(
        gate(image("metadata_csum").as_ref()),
        Err(Error::Unsupported(expected.clone()))
    );
    let message = "inodes of 128 bytes with checksums are not supported";
    assert_eq!(expected.to_string(), message);
    assert_eq!(gate(image("^metadata_csum").as_ref()), Ok(()));
}

#[test]
fn blocks_of_two_kilobytes_are_edited_without_checksums_only() {
    let image = |features| Ext4::new(&["-b", "2048", "-O", features]).make();
    let expected = Unsupported::BlockSize { bytes: 2048 };
    assert_eq!(
        gate(image("metadata_csum").as_ref()),
        Err(Error::Unsupported(expected))
    );
    assert_eq!(gate(image("^metadata_csum").as_ref()), Ok(()));
}

#[test]
fn tune2fs_removes_the_features_it_is_recommended_for() {
    use FeatureSet::{Compat, Incompat, RoCompat};
    let cases = [
        ("fast_commit", Compat, 0x400, true),
        ("casefold", Incompat, 0x2_0000, true),
        ("mmp", Incompat, 0x100, true),
        ("quota", RoCompat, 0x100, true),
        ("project", RoCompat, 0x2000, true),
        ("inline_data", Incompat, 0x8000, false),
        ("encrypt", Incompat, 0x1_0000, false),
        ("ea_inode", Incompat, 0x400, false),
        ("bigalloc", RoCompat, 0x200, false),
        ("verity", RoCompat, 0x8000, false),
    ];
    for (feature, set, bits, is_removable) in cases {
        let removal = format!("^{feature}");
        let advice = is_removable.then(|| removal.clone());
        assert_eq!(set.removal(bits), advice);
        let image = file(Ext4::new(&["-O", feature]).empty().as_ref());
        let path = image.path().to_str().unwrap();
        let (removed, text) = run("tune2fs", ["-O", &removal, path]);
        assert_eq!(removed, is_removable, "{feature}: {text}");
        if removed {
            assert_eq!(
                gate(&ReadOnlyFile::open(image.path()).unwrap()),
                Ok(()),
                "{feature}"
            );
        }
    }
    assert_eq!(
        Incompat.removal(0x2_0100).as_deref(),
        Some("^mmp,^casefold")
    );
    assert_eq!(Incompat.removal(0x100 | 0x8000), None);
    assert_eq!(
        RoCompat.names(0x8000_0100),
        "quota,0x80000000 of s_feature_ro_compat"
    );
}

#[test]
fn another_file_system_is_named() {
    let image = Ext4::new(&[]).make();
    let zeros = patched(image.as_ref(), 1024, &[0; 1024]);
    for (offset, signature, message) in [
        (
            0,
            b"LUKS\xba\xbe".as_slice(),
            "it contains an encrypted volume (LUKS) instead of an ext4 file system",
        ),
        (
            0x1_0040,
            b"_BHRfS_M",
            "it contains a Btrfs file system instead of an ext4 file system",
        ),
        (
            0x400,
            b"\x10\x20\xf5\xf2",
            "it contains an F2FS file system instead of an ext4 file system",
        ),
        (
            0,
            b"hsqs",
            "it contains a SquashFS file system instead of an ext4 file system",
        ),
    ] {
        let found = refusal(patched(zeros.as_ref(), offset, signature));
        assert_eq!(found.to_string(), message);
    }
}

#[test]
fn a_damaged_superblock_is_rejected() {
    let image = Ext4::new(&[]).make();
    let damaged = patched(image.as_ref(), 1024 + 0x79, b"!");
    let found = refusal(damaged);
    assert!(
        matches!(found, Error::Corrupt(Corrupt::SuperblockChecksum { .. })),
        "{found:?}"
    );
    let zeros = patched(image.as_ref(), 1024, &[0; 1024]);
    let magic = Corrupt::SuperblockMagic { found: 0 };
    assert_eq!(refusal(zeros), Error::Corrupt(magic));
}

/// Asserts that every request fails with its error, and that the image is left unchanged.
fn refused(requests: impl FnOnce(&mut dyn WriteFs) -> Vec<(diskimg::Result<()>, Refused)>) {
    let storage = cow(&Ext4::new(&[]).make());
    edit(&storage, |fs| {
        for (result, expected) in requests(fs) {
            assert_eq!(result, Err(Error::Refused(expected)));
        }
    });
    assert_eq!(storage.runs().count(), 0);
}

#[test]
fn requests_for_the_wrong_type_of_file_change_nothing() {
    let exists = |at| Refused::Exists { path: path(at) };
    let not_found = |at| Refused::NotFound { path: path(at) };
    let not_a_folder = |at| Refused::NotADirectory { path: path(at) };
    let not_a_file = |at| Refused::NotAFile { path: path(at) };
    let not_empty = |at| Refused::DirectoryNotEmpty { path: path(at) };
    refused(|fs| {
        vec![
            (fs.make_directory("/etc", ROOT), exists("/etc")),
            (fs.make_symlink("/lib", "x"), exists("/lib")),
            (fs.make_directory("/no/where", ROOT), not_found("/no/where")),
            (fs.remove("/none"), not_found("/none")),
            (fs.set_attributes("/none", ROOT), not_found("/none")),
            (
                fs.write_file("/etc/hostname/x", b"", ROOT),
                not_a_folder("/etc/hostname/x"),
            ),
            (fs.write_file("/etc", b"", ROOT), not_a_file("/etc")),
            (fs.remove("/usr"), not_empty("/usr")),
        ]
    });
}

#[test]
fn invalid_requests_change_nothing() {
    let bad_path = |at, reason| Refused::Path {
        path: path(at),
        reason,
    };
    let (at, limit) = (path("/loop/x"), 40);
    let mode = 0o100_644;
    refused(|fs| {
        vec![
            (
                fs.write_file("/loop/x", b"", ROOT),
                Refused::SymlinkLoop { path: at, limit },
            ),
            (
                fs.write_file("/x", b"", Attributes { mode, ..ROOT }),
                Refused::Mode {
                    path: path("/x"),
                    mode,
                },
            ),
            (
                fs.make_symlink("/x", ""),
                bad_path("/x", "has an empty target"),
            ),
            (
                fs.make_symlink("/x", &"y".repeat(5000)),
                bad_path("/x", "has a target longer than a block"),
            ),
            (
                fs.write_file(
                    "/x",
                    b"",
                    Attributes {
                        gid: u32::MAX,
                        ..ROOT
                    },
                ),
                Refused::Owner { path: path("/x") },
            ),
            (fs.remove("/"), bad_path("/", "is the root")),
        ]
    });
}

#[test]
fn wrong_reads_are_refused() {
    let storage = cow(&Ext4::new(&[]).make());
    let mut reader = reader(&storage);
    let cases = [
        (
            reader.read("/etc").map(drop),
            Refused::NotAFile { path: path("/etc") },
        ),
        (
            reader.read("/no").map(drop),
            Refused::NotFound { path: path("/no") },
        ),
        (
            reader.read_dir("/lib").map(drop),
            Refused::NotADirectory { path: path("/lib") },
        ),
        (
            reader.read_link("/etc").map(drop),
            Refused::NotASymlink { path: path("/etc") },
        ),
        (
            reader.metadata("/loop/x").map(drop),
            Refused::SymlinkLoop {
                path: path("/loop/x"),
                limit: 40,
            },
        ),
    ];
    for (result, expected) in cases {
        assert_eq!(result, Err(Error::Refused(expected)));
    }
}

#[test]
fn times_that_ext4_cannot_store_are_refused() {
    let image = Ext4::new(&[]).make();
    for time in [-1, 1 << 33] {
        let clock = Clock { time, ..CLOCK };
        let found = Ext4Writer::open(image.clone(), clock).unwrap_err();
        assert_eq!(found, Error::Refused(Refused::Time { seconds: time }));
    }
}

/// Storage whose writes fail after a number of them.
#[derive(Debug)]
struct Failing {
    inner: Arc<CowStorage>,
    left: std::sync::atomic::AtomicU32,
}

impl Storage for Failing {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> diskimg::Result<()> {
        self.inner.read_at(offset, buf)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> diskimg::Result<()> {
        use std::sync::atomic::Ordering;
        let update = |left: u32| left.checked_sub(1);
        match self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, update)
        {
            Ok(_) => self.inner.write_at(offset, bytes),
            Err(_) => Err(Refused::ReadOnly { offset }.into()),
        }
    }
}

#[test]
fn finish_repeats_the_error_of_a_change_that_failed_in_the_middle() {
    let base = Ext4::new(&[]).make();
    let before = bytes(base.as_ref());
    for left in [0, 1, 5, 20] {
        let storage = Arc::new(Failing {
            inner: cow(&base),
            left: left.into(),
        });
        let mut writer = Box::new(Ext4Writer::open(storage, CLOCK).unwrap());
        let failed = writer
            .write_file("/etc/new", &vec![1; 50_000], ROOT)
            .unwrap_err();
        assert!(
            matches!(failed, Error::Refused(Refused::ReadOnly { .. })),
            "{failed:?}"
        );
        assert_eq!(
            writer.make_directory("/etc/other", ROOT),
            Err(failed.clone())
        );
        assert_eq!(writer.finish(), Err(failed));
    }
    assert!(bytes(base.as_ref()) == before);
    assert!(e2fsck_file(file(base.as_ref()).path()).is_ok());
}
