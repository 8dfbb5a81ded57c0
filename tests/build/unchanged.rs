//! Checks that the comparison behind "nothing else changes" detects every kind of change and reports only unplanned ones.

use std::path::Path;

use tempfile::TempDir;

use crate::support::checker::Disk;
use crate::support::compare::{Planned, unplanned};
use crate::support::fixture::{copy_sparse, image, poke};
use crate::support::tool::debugfs;
use crate::support::tool::tool;

/// The offset of the fixture's second partition.
const ROOT: u64 = 48 << 20;

/// Returns the differences that the comparison finds after one change to a copy of the base.
fn after(change: impl FnOnce(&Path), planned: &Planned) -> Vec<String> {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let copy = folder.path().join("copy.img");
    copy_sparse(&image("raspios-trixie"), &copy);
    change(&copy);
    unplanned(&image("raspios-trixie"), &copy, planned)
}

/// Asserts that a change yields exactly one difference, which begins with `expected`.
#[track_caller]
fn only(change: impl FnOnce(&Path), expected: &str) {
    let found = after(change, &Planned::default());
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with(expected), "{found:#?}");
}

fn edit_root(image: &Path, request: &str) {
    let window = format!("{}?offset={ROOT}", image.display());
    debugfs(Path::new(&window), request);
}

fn edit_boot(image: &Path, program: &str, arguments: &[&str]) {
    let window = format!("{}@@8M", image.display());
    tool(program, &[&["-i", &window], arguments].concat()).done();
}

#[test]
fn an_untouched_copy_has_no_difference() {
    assert_eq!(after(|_| (), &Planned::default()), Vec::<String>::new());
}

#[test]
fn the_disk_id_may_change_and_no_other_byte_outside_the_partitions() {
    assert_eq!(
        after(|copy| poke(copy, 440, b"1234"), &Planned::default()),
        Vec::<String>::new()
    );
    only(
        |copy| poke(copy, 439, b"1"),
        "bytes outside the partitions changed",
    );
    only(
        |copy| poke(copy, 4 << 20, b"1"),
        "bytes outside the partitions changed",
    );
}

#[test]
fn one_changed_byte_of_a_file_is_seen() {
    let root = Disk::open(&image("raspios-trixie")).root();
    let said = tool(
        "debugfs",
        &["-R", "bmap /etc/hosts 0", root.path().to_str().unwrap()],
    )
    .done();
    let block: u64 = said.text().trim().parse().unwrap();
    only(
        |copy| poke(copy, ROOT + block * 4096 + 3, b"9"),
        "root:/etc/hosts: ",
    );
}

#[test]
fn changed_metadata_is_seen() {
    for change in [
        "mode 0100600",
        "uid 7",
        "gid 7",
        "mtime @1",
        "ctime @1",
        "atime @1",
        "crtime @1",
        "flags 0x80010",
        "generation 3",
    ] {
        only(
            |copy| edit_root(copy, &format!("sif /etc/hosts {change}")),
            "root:/etc/hosts: ",
        );
    }
}

#[test]
fn a_lost_or_changed_attribute_is_seen() {
    only(
        |copy| edit_root(copy, "ea_rm /usr/bin/ping security.capability"),
        "root:/usr/bin/ping: ",
    );
    only(
        |copy| edit_root(copy, "ea_set /usr/bin/ls user.mark x"),
        "root:/usr/bin/ls: ",
    );
}

#[test]
fn a_new_or_missing_name_is_seen() {
    only(
        |copy| edit_root(copy, "symlink /opt/new target"),
        "root:/opt/new: nothing → Symlink 0777 0:0",
    );
    only(
        |copy| edit_root(copy, "unlink /etc/fstab"),
        "root:/etc/fstab: File 0644 0:0",
    );
}

#[test]
fn a_folder_above_a_planned_path_keeps_mode_and_owner() {
    let planned = Planned {
        root: ["/opt/new".to_owned()].into(),
        ..Planned::default()
    };
    let found = after(|copy| edit_root(copy, "sif /opt mtime @1"), &planned);
    assert_eq!(found, Vec::<String>::new());
    let found = after(|copy| edit_root(copy, "sif /opt mode 040700"), &planned);
    assert_eq!(
        found,
        ["root:/opt: Folder 0755 0:0 inode 20  → Folder 0700 0:0 inode 20 "]
    );
}

#[test]
fn what_is_planned_may_change() {
    let planned = Planned {
        root: [
            "/opt/new".to_owned(),
            "/etc/hosts".to_owned(),
            "/var/lib/NetworkManager/".to_owned(),
        ]
        .into(),
        boot: ["/cmdline.txt".to_owned()].into(),
    };
    let change = |copy: &Path| {
        edit_root(copy, "symlink /opt/new target");
        edit_root(copy, "sif /etc/hosts mode 0100600");
        edit_root(
            copy,
            "sif /var/lib/NetworkManager/NetworkManager.state mode 0100600",
        );
        edit_boot(copy, "mdel", &["::cmdline.txt"]);
    };
    assert_eq!(after(change, &planned), Vec::<String>::new());
}

#[test]
fn a_changed_superblock_is_seen() {
    only(
        |copy| edit_root(copy, "ssv volume_name other"),
        "superblock: Filesystem volume name: rootfs → other",
    );
}

#[test]
fn changes_of_the_boot_partition_are_seen() {
    only(
        |copy| edit_boot(copy, "mdel", &["::user-data"]),
        "boot:/user-data: ",
    );
    only(
        |copy| edit_boot(copy, "mattrib", &["+r", "::user-data"]),
        "boot:/user-data: ",
    );
    only(
        |copy| poke(copy, (8 << 20) + 100, b"1"),
        "reserved sectors of the FAT changed",
    );
    only(
        |copy| edit_boot(copy, "mmd", &["::new"]),
        "boot:/new: nothing → ",
    );
}
