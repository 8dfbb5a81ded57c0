//! Checks how `overlays/appliance/data` prepares the place for a node's data, using files instead of disks.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use etcd_image::spec::DATA_START;
use tempfile::TempDir;

use crate::support::fixture::write;
use crate::support::rendered::rendered;
use crate::support::tool::tool;

const MIB: u64 = 1 << 20;
/// The offset of the data partition in the file, followed by its size in sectors.
const OFFSET: u64 = 8 * MIB;
const SECTORS: u64 = 64 * MIB / 512;
const MARK: &[u8] = b"etcd-node formats here";

/// An empty disk, and the program without its last lines, which act on the real system.
struct Place {
    folder: TempDir,
    disk: File,
}

impl Place {
    fn empty(wipe: bool) -> Self {
        let configuration = format!("[appliance]\nwipe-data = {wipe}\n");
        let program = rendered(&configuration, "/usr/local/lib/etcd-node/data");
        let (functions, _) = program.split_once("\n! mountpoint -q").unwrap();
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let functions = functions.replace("${0%/*}", &folder.path().display().to_string());
        write(&folder.path().join("data"), functions.as_bytes());
        let other = rendered(&configuration, "/usr/local/lib/etcd-node/other_data");
        write(&folder.path().join("other_data"), other.as_bytes());
        let disk = File::create(folder.path().join("disk")).unwrap();
        disk.set_len(OFFSET + SECTORS * 512).unwrap();
        Self { folder, disk }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, offset: u64, bytes: &[u8]) {
        self.disk.write_all_at(bytes, OFFSET + offset).unwrap();
    }

    /// Writes a file system made by another program.
    fn fill(&self, program: &str, words: &[&str]) {
        let part = self.at("part");
        File::create(&part).unwrap().set_len(32 * MIB).unwrap();
        tool(program, &[words, &[part.to_str().unwrap()]].concat()).done();
        self.put(0, &std::fs::read(&part).unwrap());
    }

    /// Returns the output of one of the program's functions, and whether it succeeds.
    fn call(&self, words: &str) -> (String, bool) {
        let script = format!(". '{}'; {words}", self.at("data").display());
        let said = tool("dash", &["-eu", "-c", &script]);
        (said.text().trim().to_owned(), said.code == Some(0))
    }

    fn what(&self) -> String {
        self.call(&format!(
            "what '{}' {OFFSET} {SECTORS}",
            self.at("disk").display()
        ))
        .0
    }

    fn needs_format(&self) -> (String, bool) {
        self.call(&format!(
            "needs_format DISK '{}' {OFFSET} {SECTORS}",
            self.at("disk").display()
        ))
    }
}

/// Returns the report about a disk after something was written to it.
fn after(put: impl FnOnce(&Place)) -> String {
    let place = Place::empty(false);
    put(&place);
    place.what()
}

fn ext4(label: &str) -> impl FnOnce(&Place) + '_ {
    move |place| place.fill("mkfs.ext4", &["-q", "-F", "-L", label])
}

#[test]
fn data_is_recognized_by_its_content() {
    assert_eq!(after(|_| ()), "blank");
    assert_eq!(after(|place| place.put(0, &vec![0xff; 5 << 20])), "blank");
    assert_eq!(after(ext4("etcd-data")), "ours");
    assert_eq!(after(ext4("rootfs")), "ext4 \"rootfs\"");
    let fat = after(|place| place.fill("mkfs.vfat", &["-n", "PHOTOS"]));
    assert_eq!(fat, "vfat \"PHOTOS\"");
    let unknown = "data of no known kind";
    assert_eq!(after(|place| place.put(0, b"x")), unknown);
    assert_eq!(after(|place| place.put(4 * MIB - 1, b"x")), unknown);
    // This disk is only partly erased.
    assert_eq!(after(|place| place.put(MIB, &[0xff; 512])), unknown);
}

#[test]
fn an_interrupted_formatting_is_recognized_whatever_it_left() {
    let last = (SECTORS - 1) * 512;
    assert_eq!(after(|place| place.put(last, MARK)), "unfinished");
    let whole = after(|place| {
        ext4("etcd-data")(place);
        place.put(last, MARK);
    });
    assert_eq!(whole, "unfinished");
}

#[test]
fn only_nothing_is_formatted_unless_the_configuration_allows_it() {
    for (put, formats) in [("", true), ("x", false)] {
        let place = Place::empty(false);
        place.put(0, put.as_bytes());
        let (said, wanted) = place.needs_format();
        assert_eq!(wanted, formats, "{said}");
        assert_eq!(said.contains("refused: DISK holds"), !formats, "{said}");
    }
    let place = Place::empty(true);
    place.put(0, b"x");
    let (said, wanted) = place.needs_format();
    assert!(wanted, "{said}");
    ext4("etcd-data")(&place);
    assert_eq!(place.needs_format(), (String::new(), false), "ours is kept");
}

#[test]
fn a_card_that_can_only_be_read_is_named() {
    for put in ["", "x"] {
        let place = Place::empty(true);
        place.put(0, put.as_bytes());
        let words = format!(
            "blockdev() {{ echo 1; }}; needs_format DISK '{}' {OFFSET} {SECTORS}",
            place.at("disk").display()
        );
        let wanted = "etcd-node: refused: DISK cannot be written: it is write-protected or worn out. Use another card or disk";
        assert_eq!(place.call(&words), (wanted.to_owned(), false));
    }
}

/// Formatting would otherwise end without a word.
#[cfg(target_os = "linux")]
#[test]
fn a_place_that_cannot_be_written_says_why() {
    let place = Place::empty(false);
    let words = format!("format /dev/full {SECTORS} 2>&1");
    let (said, done) = place.call(&words);
    assert!(said.contains("No space left on device"), "{said}");
    assert!(!done);
}

#[test]
fn a_formatted_place_is_ours_and_sound() {
    let place = Place::empty(false);
    let disk = place.at("whole");
    File::create(&disk).unwrap().set_len(64 * MIB).unwrap();
    let disk = disk.to_str().unwrap();
    let (said, done) = place.call(&format!("format '{disk}' {SECTORS}"));
    assert!(done, "{said}");
    assert_eq!(place.call(&format!("what '{disk}' 0 {SECTORS}")).0, "ours");
    tool("e2fsck", &["-fn", disk]).done();
    let bytes = std::fs::read(Path::new(disk)).unwrap();
    let rest = &bytes[bytes.len() - (1 << 20)..];
    assert!(rest.iter().all(|byte| *byte == 0), "the mark is gone");
}

/// The signature of a RAID member of the old kind lies 64 KiB before the end, which mkfs.ext4 leaves as it is.
#[test]
fn formatting_removes_signatures_that_would_hide_the_data() {
    let place = Place::empty(true);
    let disk = place.at("whole");
    let file = File::create(&disk).unwrap();
    file.set_len(64 * MIB).unwrap();
    let raid = [0xfc, 0x4e, 0x2b, 0xa9, 0, 0, 0, 0, 90, 0, 0, 0];
    file.write_all_at(&raid, 64 * MIB - 64 * 1024).unwrap();
    let disk = disk.to_str().unwrap();
    let what = || place.call(&format!("what '{disk}' 0 {SECTORS}")).0;
    assert_eq!(what(), "linux_raid_member");
    let (said, done) = place.call(&format!("format '{disk}' {SECTORS}"));
    assert!(done, "{said}");
    assert_eq!(what(), "ours");
}

#[test]
fn data_with_a_damaged_beginning_is_never_formatted() {
    for wipe in [true, false] {
        let place = Place::empty(wipe);
        place.fill("mkfs.ext4", &["-q", "-F", "-b", "1024", "-L", "etcd-data"]);
        place.put(0, &[0x5a; 4096]);
        let wanted = "etcd-node: refused: DISK holds data of no known kind, and etcd's data, whose beginning is damaged or cannot be \
                      read. It is never formatted. Repair it (e2fsck -b 32768), or erase it if nobody needs it (etcd-image flash \
                      --wipe-data, or blkdiscard)";
        assert_eq!(place.needs_format(), (wanted.to_owned(), false));
    }
    // A card that lost its first blocks, which now read as erased.
    for byte in [0x00, 0xff] {
        let place = Place::empty(true);
        place.fill("mkfs.ext4", &["-q", "-F", "-b", "1024", "-L", "etcd-data"]);
        place.put(0, &vec![byte; 4 << 20]);
        assert_eq!(place.what(), "blank");
        let wanted = "etcd-node: refused: DISK holds an erased beginning, and etcd's data, whose beginning is damaged or cannot be \
                      read. It is never formatted. Repair it (e2fsck -b 32768), or erase it if nobody needs it (etcd-image flash \
                      --wipe-data, or blkdiscard)";
        assert_eq!(place.needs_format(), (wanted.to_owned(), false));
    }
    // A signature of something else beside the superblock of etcd's data.
    let place = Place::empty(true);
    ext4("etcd-data")(&place);
    place.put(
        SECTORS * 512 - 64 * 1024,
        &[0xfc, 0x4e, 0x2b, 0xa9, 0, 0, 0, 0, 90, 0, 0, 0],
    );
    assert!(!place.needs_format().1);
}

#[test]
fn data_that_was_left_behind_is_neither_used_nor_formatted_by_itself() {
    let place = Place::empty(true);
    ext4("etcd-data-left")(&place);
    let (said, wanted) = place.needs_format();
    let disk = place.at("disk").display().to_string();
    let command =
        format!("debugfs -w -R 'set_super_value volume_name etcd-data' '{disk}?offset={OFFSET}'");
    let expected = format!(
        "etcd-node: refused: DISK holds etcd's data that was left behind. To use it again: sudo {command} && sudo systemctl restart \
         etcd. If nobody needs it, erase it"
    );
    assert_eq!((said, wanted), (expected, false));
    place.call(&format!("PATH=$PATH:/usr/sbin:/sbin; {command}"));
    assert_eq!(place.needs_format(), (String::new(), false));
}

#[test]
fn the_clock_only_goes_forward_to_the_last_known_time() {
    let place = Place::empty(false);
    let clock = place.at("clock");
    let at = |time: &str| {
        tool("touch", &["-d", time, clock.to_str().unwrap()]).done();
        let set = "date() { [ \"$1\" = -s ] && echo set \"$2\" >&2 || echo 1000; }";
        place.call(&format!(
            "{set}; last_known_time '{}' 2>&1",
            clock.display()
        ))
    };
    assert_eq!(at("@2000"), ("set @2000".to_owned(), true));
    assert_eq!(at("@500"), (String::new(), true));
    std::fs::remove_file(&clock).unwrap();
    let (said, done) = place.call("last_known_time /no/such/file");
    assert_eq!((said.as_str(), done), ("", true));
}

#[test]
fn a_disk_above_two_tebibytes_is_used_as_far_as_its_table_reaches() {
    let place = Place::empty(false);
    let room = |sectors: u64| place.call(&format!("room {sectors}")).0;
    let start = DATA_START / 512;
    assert_eq!(room(31_116_288), (31_116_288 - start).to_string());
    assert_eq!(room(7_814_037_168), (4_294_967_295 - start).to_string());
}

/// Needs namespaces, in which everybody may mount.
#[cfg(target_os = "linux")]
#[test]
fn only_received_programs_may_be_executed_on_the_data_partition() {
    let place = Place::empty(false);
    let script = r#"
. "$1/data"
MOUNT=$1/mount PROGRAMS=$1/view
mkdir "$MOUNT"
mount -t tmpfs -o nosuid,nodev,noexec tmpfs "$MOUNT"
show_programs
cp /bin/true "$MOUNT/programs/etcd"
! "$MOUNT/programs/etcd" || echo "executes at its own place"
"$PROGRAMS/etcd" && echo executes
! touch "$PROGRAMS/etcd" || echo "writes to the view"
"#;
    let folder = place.at("");
    let words = [
        "--map-root-user",
        "--mount",
        "dash",
        "-eu",
        "-c",
        script,
        "sh",
    ];
    let words = [&words[..], &[folder.to_str().unwrap()]].concat();
    let said = tool("unshare", &words);
    assert_eq!(said.text(), "executes\n", "{}", said.words());
}
