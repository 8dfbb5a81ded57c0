//! What the audit finds in directories, links and free inodes of ext4, and that e2fsck finds it as well.

use std::path::Path;
use std::sync::Arc;

use diskimg::{Memory, PartitionKind, Storage};

use crate::audit::{accepted, rejected_saying};
use crate::support::checkers::debugfs;
use crate::support::images::{Ext4, bytes, debugged, patched};
use crate::support::run;

/// Without checksums, which would reveal every change.
fn ext4() -> Ext4 {
    Ext4::new(&["-O", "^metadata_csum,^uninit_bg", "-N", "512"]).mib(8)
}

fn tree(root: &Path) {
    std::fs::create_dir_all(root.join("etc/empty")).unwrap();
    std::fs::write(root.join("etc/ab"), "x").unwrap();
    std::fs::hard_link(root.join("etc/ab"), root.join("etc/cd")).unwrap();
    std::fs::write(root.join("etc/alone"), "x").unwrap();
    std::os::unix::fs::symlink("etc/alone", root.join("link")).unwrap();
}

/// Returns the offset of a block of a directory.
fn block(image: &dyn Storage, path: &str, number: u32) -> u64 {
    let found = debugfs(image, &format!("bmap {path} {number}"));
    found.trim().parse::<u64>().unwrap() * 4096
}

/// Returns the offset of the name in `/etc`.
fn name(image: &dyn Storage, name: &str) -> u64 {
    let start = block(image, "/etc", 0);
    let content = &bytes(image)[usize::try_from(start).unwrap()..][..4096];
    let found = content
        .windows(name.len())
        .position(|bytes| bytes == name.as_bytes());
    start + u64::try_from(found.unwrap()).unwrap()
}

#[test]
fn wrong_names_are_found() {
    let image = ext4().with(tree);
    let at = name(image.as_ref(), "ab");
    let characters = "has a name that contains a zero byte or `/`";
    for (value, expected) in [
        (&b"a\0"[..], characters),
        (b"/b", characters),
        (b"cd", "has the name `cd` twice"),
    ] {
        let damaged = patched(image.as_ref(), at, value);
        rejected_saying(&damaged, PartitionKind::Linux, expected);
    }
    let empty = patched(image.as_ref(), at - 2, &[0]);
    rejected_saying(&empty, PartitionKind::Linux, "has an empty name");
}

#[test]
fn wrong_types_are_found() {
    let image = ext4().with(tree);
    let at = name(image.as_ref(), "ab");
    let mut inode = [0; 4];
    image.read_at(at - 8, &mut inode).unwrap();
    let inode = u32::from_le_bytes(inode);
    for (byte, stated) in [(7, "Symlink"), (1 << 7, "Unknown")] {
        let damaged = patched(image.as_ref(), at - 1, &[byte]);
        let expected = format!("calls inode {inode} a {stated}, which it is not");
        rejected_saying(&damaged, PartitionKind::Linux, &expected);
    }
}

#[test]
fn entries_that_are_not_inside_their_block_are_found() {
    let image = ext4().with(tree);
    let at = name(image.as_ref(), "ab");
    for len in [0_u16, 8, 13, 4096] {
        let damaged = patched(image.as_ref(), at - 4, &len.to_le_bytes());
        // The names behind the entry are missing.
        let expected = "has 3 links, 2 names were found";
        rejected_saying(&damaged, PartitionKind::Linux, expected);
    }
}

#[test]
fn a_directory_begins_with_itself_and_its_parent() {
    let image = ext4().with(tree);
    let start = block(image.as_ref(), "/etc", 0);
    let expected = "does not begin with `.` and `..`";
    for (at, value) in [(9, 1), (22, 1), (7, 1)] {
        let damaged = patched(image.as_ref(), start + at, &[value]);
        rejected_saying(&damaged, PartitionKind::Linux, expected);
    }
}

#[test]
fn inodes_that_directories_do_not_name_rightly_are_found() {
    let image = ext4().with(tree);
    for (change, expected) in [
        (
            "ln <8> /etc/journal",
            "has an entry for inode 8, which is not in use",
        ),
        ("unlink /etc/alone", "is in use but in no directory"),
        ("sif /link size 3", "is a symbolic link without a target"),
        ("sif /link mode 0030777", "has no type"),
        ("sif <500> mode 0100644", "is free but not deleted"),
        ("sif <500> links_count 1", "is free but not deleted"),
    ] {
        let damaged = debugged(image.as_ref(), &[change]);
        rejected_saying(&damaged, PartitionKind::Linux, expected);
    }
    let pipe = ["mknod pipe p", "sif /pipe size 5"];
    let damaged = debugged(image.as_ref(), &pipe);
    rejected_saying(
        &damaged,
        PartitionKind::Linux,
        "is a special file with content",
    );
}

/// Returns a file system with a directory of three blocks or more, with an index.
pub(crate) fn indexed(ext4: &Ext4) -> Arc<dyn Storage> {
    let file = ext4.file(|root| {
        tree(root);
        let crowd = root.join("crowd");
        std::fs::create_dir(&crowd).unwrap();
        for number in 0..120 {
            std::fs::write(crowd.join(format!("{number:-<60}")), "").unwrap();
        }
    });
    let path = file.path().to_str().unwrap();
    let (_, said) = run("e2fsck", ["-fyD", path]);
    assert!(said.contains("Optimizing directories"), "{said}");
    Arc::new(Memory::new(std::fs::read(path).unwrap()))
}

#[test]
fn a_wrong_index_is_found() {
    accepted(&indexed(&Ext4::new(&[]).mib(8)), PartitionKind::Linux);
    let image = indexed(&ext4());
    accepted(&image, PartitionKind::Linux);
    let root = block(image.as_ref(), "/crowd", 0);
    for (at, value, expected) in [
        (31, 1, "has an index of an unknown kind"),
        (29, 12, "has an index of an unknown kind"),
        (28, 4, "has an index of an unknown kind"),
        (32, 7, "has an index with a wrong limit"),
        (36, 0, "has an index that names block 0 wrongly"),
        (36, 99, "has an index that names block 99 wrongly"),
        (34, 1, "has an index without its block 2"),
        (
            30,
            1,
            "has an index with a block of names in the wrong depth",
        ),
    ] {
        let damaged = patched(image.as_ref(), root + at, &[value]);
        rejected_saying(&damaged, PartitionKind::Linux, expected);
    }
}

#[test]
fn names_in_the_wrong_block_of_an_index_are_found() {
    let image = indexed(&ext4());
    let root = block(image.as_ref(), "/crowd", 0);
    let damaged = patched(image.as_ref(), root + 40, &2_u32.to_le_bytes());
    let leaf = block(image.as_ref(), "/crowd", 1);
    let mut first = [0; 60];
    image.read_at(leaf + 8, &mut first).unwrap();
    let first = String::from_utf8(first.to_vec()).unwrap();
    let expected = format!("has an index that does not lead to `{first}`");
    rejected_saying(&damaged, PartitionKind::Linux, &expected);
}
