//! Files written into ext4 are read back, and the file system stays sound.

use std::sync::Arc;

use diskimg::ext4::{Clock, Ext4Reader, Ext4Writer};
use diskimg::{
    Attributes, CowStorage, FileKind, Metadata, ReadFs, SharedContents, Storage, WriteFs,
};

use crate::support::checkers::{debugfs, e2fsck};
use crate::support::images::{Ext4, bytes, cow, debugged, flavours};

pub(crate) const CLOCK: Clock = Clock {
    time: 1_790_000_000,
    generation_seed: 7,
};

pub(crate) const ROOT: Attributes = Attributes {
    mode: 0o755,
    uid: 0,
    gid: 0,
};

pub(crate) fn edit(storage: &Arc<CowStorage>, edit: impl FnOnce(&mut dyn WriteFs)) {
    let mut writer = Box::new(Ext4Writer::open(storage.clone(), CLOCK).unwrap());
    edit(writer.as_mut());
    writer.finish().unwrap();
}

pub(crate) fn reader(storage: &Arc<CowStorage>) -> Ext4Reader {
    Ext4Reader::open(storage.clone() as Arc<dyn Storage>).unwrap()
}

/// Makes the same edits twice on the same image.
fn twice(base: &Arc<dyn Storage>, edits: impl Fn(&mut dyn WriteFs)) -> [Arc<CowStorage>; 2] {
    [(); 2].map(|()| {
        let storage = cow(base);
        edit(&storage, &edits);
        storage
    })
}

/// Makes one edit of each kind.
fn usual_edits(fs: &mut dyn WriteFs) {
    let etcd = Attributes {
        mode: 0o4750,
        uid: 100_990,
        gid: 200_990,
    };
    fs.make_directory("/etc/etcd", ROOT).unwrap();
    fs.write_file("/etc/etcd/key", &[b'k'; 10_000], etcd)
        .unwrap();
    fs.make_symlink("/etc/etcd/link", "key").unwrap();
    fs.make_symlink("/etc/etcd/slow", &"far/".repeat(200))
        .unwrap();
    fs.write_file("/etc/hostname", b"etcd1\n", ROOT).unwrap();
    fs.write_file("/lib/through-a-link", b"x", ROOT).unwrap();
    fs.remove("/usr/lib/big").unwrap();
    fs.remove("/var/empty").unwrap();
    fs.set_attributes("/home", etcd).unwrap();
    fs.set_attributes("/etc/etcd/link", etcd).unwrap();
    fs.write_file("/etc/empty", b"", ROOT).unwrap();
}

#[test]
fn what_is_written_is_read_back_and_e2fsck_accepts_it() {
    for (flavour, ext4) in flavours() {
        let storage = cow(&ext4.make());
        edit(&storage, usual_edits);
        e2fsck(storage.as_ref());
        let mut reader = reader(&storage);
        let key = Metadata {
            kind: FileKind::File,
            mode: 0o4750,
            uid: 100_990,
            gid: 200_990,
            size: 10_000,
        };
        let link = Metadata {
            kind: FileKind::Symlink,
            mode: 0o777,
            size: 3,
            ..key
        };
        assert_eq!(
            reader.metadata("/etc/etcd/key").unwrap(),
            Some(key),
            "{flavour}"
        );
        assert_eq!(reader.metadata("/etc/etcd/link").unwrap(), Some(link));
        assert_eq!(reader.metadata("/usr/lib/big").unwrap(), None);
        assert_eq!(reader.metadata("/etc/hostname/x").unwrap(), None);
        assert_eq!(reader.read("/etc/etcd/key").unwrap(), [b'k'; 10_000]);
        assert_eq!(reader.read("/etc/empty").unwrap(), b"");
        assert_eq!(reader.read("/usr/lib/through-a-link").unwrap(), b"x");
        assert_eq!(reader.read_link("/etc/etcd/link").unwrap(), "key");
        assert_eq!(
            reader.read_link("/etc/etcd/slow").unwrap(),
            "far/".repeat(200)
        );
        assert_eq!(
            reader.read_dir("/etc/etcd").unwrap(),
            ["key", "link", "slow"]
        );
        assert_eq!(reader.read_dir("/var").unwrap(), [""; 0]);
    }
}

#[test]
fn equal_edits_give_equal_bytes() {
    for (flavour, ext4) in flavours() {
        let [first, second] = twice(&ext4.make(), usual_edits);
        assert!(bytes(first.as_ref()) == bytes(second.as_ref()), "{flavour}");
    }
}

#[test]
fn an_edit_that_is_only_opened_and_finished_changes_nothing() {
    let storage = cow(&Ext4::new(&[]).make());
    edit(&storage, |_| {});
    assert_eq!(storage.runs().count(), 0);
}

#[test]
fn the_base_is_never_changed() {
    let base = Ext4::new(&[]).make();
    let before = bytes(base.as_ref());
    edit(&cow(&base), usual_edits);
    assert!(bytes(base.as_ref()) == before);
}

#[test]
fn a_secret_is_in_the_image_once_and_not_in_the_journal() {
    for (flavour, ext4) in flavours() {
        let base = ext4.make();
        let storage = cow(&base);
        let secret = b"-----BEGIN a key that must not be found twice-----";
        edit(&storage, |fs| {
            fs.write_file("/etc/key", secret, ROOT).unwrap();
        });
        let image = bytes(storage.as_ref());
        let found = image.windows(secret.len()).filter(|bytes| bytes == secret);
        assert_eq!(found.count(), 1, "{flavour}");
        let journal = |storage: &dyn Storage| debugfs(storage, "cat <8>").into_bytes();
        assert!(
            journal(storage.as_ref()) == journal(base.as_ref()),
            "{flavour}"
        );
    }
}

#[test]
fn new_files_and_their_directories_have_the_given_time() {
    let storage = cow(&Ext4::new(&[]).make());
    edit(&storage, |fs| {
        fs.write_file("/etc/new", b"x", ROOT).unwrap();
        fs.make_directory("/home/pi", ROOT).unwrap();
        fs.make_symlink("/usr/link", "bin").unwrap();
        fs.remove("/var/empty").unwrap();
    });
    let stat = |path: &str| debugfs(storage.as_ref(), &format!("stat {path}"));
    for path in ["/etc/new", "/home/pi", "/usr/link"] {
        let text = stat(path);
        for time in ["ctime", "atime", "mtime", "crtime"] {
            let line = text
                .lines()
                .find(|line| line.trim_start().starts_with(time));
            let line = line.unwrap_or_else(|| panic!("{path} has no {time}: {text}"));
            assert!(line.contains("0x6ab13b80:00000000"), "{path}: {line}");
        }
    }
    for folder in ["/etc", "/home", "/usr", "/var"] {
        let text = stat(folder);
        let line = text
            .lines()
            .find(|line| line.trim_start().starts_with("mtime"));
        assert!(
            line.unwrap().contains("0x6ab13b80:00000000"),
            "{folder}: {text}"
        );
    }
}

#[test]
fn other_files_keep_their_attributes_times_and_capabilities() {
    let base = debugged(
        Ext4::new(&[]).make().as_ref(),
        &[
            "ea_set /usr/lib/big security.capability abc",
            "ea_set /etc/twin user.note keep",
        ],
    );
    let storage = cow(&base);
    let watched = ["/usr/lib/big", "/usr/bin", "/etc/systemd", "/lib", "/loop"];
    let look = |storage: &dyn Storage| {
        watched.map(|path| {
            debugfs(storage, &format!("stat {path}"))
                + &debugfs(storage, &format!("ea_list {path}"))
        })
    };
    let before = look(base.as_ref());
    edit(&storage, |fs| {
        fs.write_file("/usr/new", b"x", ROOT).unwrap();
        fs.write_file("/etc/hostname", b"etcd1\n", ROOT).unwrap();
        fs.make_directory("/var/lib", ROOT).unwrap();
    });
    assert_eq!(look(storage.as_ref()), before);
    assert!(before[0].contains("security.capability"), "{}", before[0]);
}

#[test]
fn a_replaced_file_keeps_its_other_names_and_loses_its_extended_attributes() {
    let base = debugged(
        Ext4::new(&[]).make().as_ref(),
        &["ea_set /usr/lib/big security.capability abc"],
    );
    let storage = cow(&base);
    edit(&storage, |fs| {
        fs.write_file("/etc/hostname", b"etcd1\n", ROOT).unwrap();
        fs.write_file("/usr/lib/big", b"small", ROOT).unwrap();
        fs.write_file("/etc/os-release", b"not a link", ROOT)
            .unwrap();
    });
    e2fsck(storage.as_ref());
    let mut reader = reader(&storage);
    assert_eq!(reader.read("/etc/hostname").unwrap(), b"etcd1\n");
    assert_eq!(reader.read("/etc/twin").unwrap(), b"raspberrypi\n");
    assert_eq!(reader.read("/etc/os-release").unwrap(), b"not a link");
    let attributes = debugfs(storage.as_ref(), "ea_list /usr/lib/big");
    assert!(!attributes.contains("capability"), "{attributes}");
}

#[test]
fn the_reader_counts_what_the_writer_used() {
    let storage = cow(&Ext4::new(&[]).make());
    let before = reader(&storage).free_bytes().unwrap();
    edit(&storage, |fs| {
        fs.write_file("/etc/new", &[1; 4097], ROOT).unwrap();
    });
    assert_eq!(reader(&storage).free_bytes().unwrap(), before - 8192);
}

#[test]
fn images_with_shared_contents_hold_them_once() {
    let base = Ext4::new(&[]).make();
    // No two blocks of it are equal.
    let program: Vec<u8> = (0..1_u32 << 20).flat_map(u32::to_le_bytes).collect();
    let program = Arc::new(program);
    let shared = Arc::new(SharedContents::new([program.clone()]));
    let written = |storage: CowStorage| {
        let storage = Arc::new(storage);
        edit(&storage, |fs| {
            fs.write_file("/usr/bin/program", &program, ROOT).unwrap();
        });
        let mut reader = reader(&storage);
        assert!(reader.has_content("/usr/bin/program", &program).unwrap());
        assert!(
            !reader
                .has_content("/usr/bin/program", &program[1..])
                .unwrap()
        );
        storage
    };
    let alone = written(CowStorage::new(base.clone()));
    let sharing = written(CowStorage::sharing(base.clone(), shared));
    assert!(bytes(&*alone) == bytes(&*sharing));
    assert!(alone.own_bytes() > 4 << 20, "{alone:?}");
    assert!(
        sharing.own_bytes() < 256 << 10,
        "{} bytes",
        sharing.own_bytes()
    );
}
