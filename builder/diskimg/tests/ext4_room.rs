//! Full file systems: what does not fit is refused, and the file system stays sound.

use diskimg::{Error, ReadFs, Refused};

use crate::ext4_writes::{ROOT, edit, reader};
use crate::support::checkers::{debugfs, e2fsck};
use crate::support::images::{Ext4, cow};

#[test]
fn a_file_that_does_not_fit_is_refused_before_anything_changes() {
    let storage = cow(&Ext4::new(&[]).mib(16).make());
    let free = reader(&storage).free_bytes().unwrap();
    let content = vec![1; usize::try_from(free).unwrap()];
    edit(&storage, |fs| {
        let refused = fs.write_file("/big", &content, ROOT).unwrap_err();
        let Error::Refused(Refused::NoSpace {
            path,
            need,
            free: found,
        }) = refused
        else {
            panic!("{refused}");
        };
        assert_eq!((path.as_str(), found), ("/big", free));
        assert!(need > free, "{need} {free}");
    });
    assert_eq!(storage.runs().count(), 0);
}

#[test]
fn a_full_file_system_is_sound_and_the_error_is_no_space() {
    for options in [&[][..], &["-b", "1024"]] {
        let storage = cow(&Ext4::new(options).mib(16).make());
        let mut refused = None;
        edit(&storage, |fs| {
            for number in 0..10_000 {
                let written = fs.write_file(&format!("/home/{number}"), &[7; 9000], ROOT);
                if let Err(error) = written {
                    refused = Some(error);
                    break;
                }
            }
        });
        let refused = refused.unwrap();
        assert!(
            matches!(refused, Error::Refused(Refused::NoSpace { .. })),
            "{refused}"
        );
        e2fsck(storage.as_ref());
    }
}

/// The free space is in pieces of two blocks, so that a large file needs an extent tree of two levels.
#[test]
fn a_large_file_fits_into_a_fragmented_file_system() {
    let options = ["-b", "1024", "-N", "4000", "-O", "^has_journal"];
    let storage = cow(&Ext4::new(&options).mib(5).empty());
    let place = |number: u32| format!("/{}/{number}", number % 8);
    edit(&storage, |fs| {
        for folder in 0..8 {
            fs.make_directory(&format!("/{folder}"), ROOT).unwrap();
        }
        let mut made = 0;
        while fs.write_file(&place(made), &[1; 2000], ROOT).is_ok() {
            made += 1;
        }
        for number in (0..made).filter(|number| number / 8 % 2 == 0) {
            fs.remove(&place(number)).unwrap();
        }
    });
    let content = vec![9; 1_500_000];
    edit(&storage, |fs| {
        fs.write_file("/large", &content, ROOT).unwrap();
    });
    e2fsck(storage.as_ref());
    assert!(reader(&storage).read("/large").unwrap() == content);
    let extents = debugfs(storage.as_ref(), "dump_extents -n /large");
    assert!(
        extents.contains("0/ 1"),
        "the extent tree has one level: {extents}"
    );
}

#[test]
fn the_error_without_free_inodes_names_their_number() {
    let storage = cow(&Ext4::new(&["-N", "64"]).make());
    let total = 64;
    let mut made = 0;
    edit(&storage, |fs| {
        let refused = loop {
            match fs.write_file(&format!("/home/{made}"), b"", ROOT) {
                Ok(()) => made += 1,
                Err(error) => break error,
            }
        };
        let path = format!("/home/{made}");
        assert_eq!(refused, Error::Refused(Refused::NoInodes { path, total }));
        // Replacing a file uses its inode again.
        fs.write_file("/home/0", b"new", ROOT).unwrap();
    });
    assert!(made > 10, "{made}");
    e2fsck(storage.as_ref());
}
