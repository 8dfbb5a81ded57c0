//! Checks that `etcd-image flash` writes a card that holds the image, and refuses everything it must not write.
//!
//! The cards are sparse files.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use crate::support::checker::{Disk, Ext4, Fat, ext4, fat};
use crate::support::scene::Scene;
use crate::support::tool::tool;

/// The size of a card, and where etcd's data begins on it.
pub(super) const CARD: u64 = 9 << 30;
pub(super) const DATA: u64 = 8 << 30;

/// Creates a scene with the images of two nodes.
pub(super) fn two_nodes() -> Scene {
    Scene::built("raspios-trixie", "", &["--nodes", "2"])
}

/// Creates a card of 9 GiB that was used before: the place of the system holds other bytes.
pub(super) fn used_card(scene: &Scene, name: &str) -> PathBuf {
    let path = scene.at(name);
    let mut card = File::create(&path).unwrap();
    for _ in 0..fs::metadata(scene.image_path("etcd1")).unwrap().len() >> 20 {
        card.write_all(&vec![0xA5; 1 << 20]).unwrap();
    }
    card.set_len(CARD).unwrap();
    path
}

/// Compares the partition table and the file systems of a card with those of an image. What no file uses may differ.
pub(super) fn holds(card: &Path, image: &Path) {
    let checked = tool("sfdisk", &["--verify", card.to_str().unwrap()]).done();
    assert!(
        checked.text().contains("No errors detected."),
        "{}",
        checked.words()
    );
    let (written, wanted) = (Disk::open(card), Disk::open(image));
    let (root, boot) = (written.root(), written.boot());
    ext4(root.path()).unwrap();
    fat(boot.path()).unwrap();
    assert!(Ext4::new(root.path()).walk() == Ext4::new(wanted.root().path()).walk());
    assert_eq!(
        Fat::new(boot.path()).lines(),
        Fat::new(wanted.boot().path()).lines()
    );
}

pub(super) fn bytes_at(path: &Path, offset: u64, len: usize) -> Vec<u8> {
    let mut file = File::open(path).unwrap();
    let mut bytes = vec![0; len];
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.read_exact(&mut bytes).unwrap();
    bytes
}

pub(super) fn put(path: &Path, offset: u64, bytes: &[u8]) {
    let mut file = File::options().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(bytes).unwrap();
}

/// Returns a file system of 64 MiB with the label of etcd's data.
pub(super) fn etcd_data(scene: &Scene) -> Vec<u8> {
    let path = scene.at("data");
    File::create(&path).unwrap().set_len(64 << 20).unwrap();
    let file = path.to_str().unwrap();
    tool("mke2fs", &["-q", "-t", "ext4", "-L", "etcd-data", file]).done();
    fs::read(path).unwrap()
}

/// Runs `flash` and asserts the exit code, the error and the hint.
#[track_caller]
pub(super) fn refused(scene: &Scene, arguments: &[&str], code: i32, error: &str, hint: &str) {
    let outcome = scene.bare(&[&["flash"], arguments].concat());
    let expected = format!("error: {error}\nhint: {hint}\n");
    assert_eq!((outcome.code, &*outcome.stderr), (Some(code), &*expected));
}

#[test]
fn a_card_holds_the_image_after_other_bytes() {
    let scene = two_nodes();
    let card = used_card(&scene, "card");
    let outcome = scene
        .bare(&["--json", "flash", "etcd2", "card", "--yes-really"])
        .done();
    let flashed: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let image = scene.image_path("etcd2");
    let [size, mapped] =
        ["image_bytes", "mapped_bytes"].map(|field| flashed["cards"][0][field].as_u64().unwrap());
    assert_eq!(size, fs::metadata(&image).unwrap().len());
    assert!(mapped < size, "{mapped} of {size} bytes");
    let first = &flashed["cards"][0];
    assert_eq!(
        (&first["node"], &first["data"]),
        (&"etcd2".into(), &"empty".into())
    );
    assert_eq!(first["image_verified"], true);

    holds(&card, &image);
    let inspected = scene.bare(&["inspect", "card"]).done().stdout;
    assert!(inspected.contains("etcd2"), "{inspected}");
}

#[test]
fn a_card_is_verified_as_the_image_on_it() {
    let scene = two_nodes();
    used_card(&scene, "card");
    let arguments = ["flash", "etcd1", "card", "--yes-really"];
    let told = scene.bare(&arguments).done().stderr;
    let note = "until a card is finished it does not boot; after an interruption, flash it again\n";
    assert!(told.starts_with(note), "{told}");
    let verified = scene.bare(&["verify", "card"]).done().stdout;
    assert!(verified.starts_with("card: sound, "), "{verified}");
    // The first boot enters the data into the table (type 83, from 8 GiB on).
    let entry = [0, 0, 0, 0, 0x83, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0x10, 0];
    put(&scene.at("card"), 446 + 2 * 16, &entry);
    scene.bare(&["verify", "card"]).done();
    // Elsewhere, it is not the node's.
    put(&scene.at("card"), 446 + 2 * 16 + 8, &[0, 8, 0, 1]);
    let verified = scene.bare(&["verify", "card"]);
    let wanted = "  the first boot would overwrite partition 3 with the node's data\n";
    assert!(verified.stdout.ends_with(wanted), "{}", verified.stdout);
    let hint = "hint: correct the settings, files or base that the problems name, then build the images again with the same state \
                directory\n";
    assert!(verified.stderr.ends_with(hint), "{}", verified.stderr);
}

#[test]
fn an_image_that_is_cut_short_is_not_written() {
    let scene = two_nodes();
    let card = used_card(&scene, "card");
    let image = scene.image_path("etcd1");
    let size = fs::metadata(&image).unwrap().len();
    let file = File::options().write(true).open(&image).unwrap();
    let hint = "fetch the image again, or build it again with the same state directory; then flash this card again";
    for length in [size / 2, 100, 0] {
        file.set_len(length).unwrap();
        let error = format!(
            "images/etcd1.img: the image has {length} bytes, the manifest has {size}; nothing was written"
        );
        refused(&scene, &["etcd1", "card", "--yes-really"], 3, &error, hint);
    }
    assert!(bytes_at(&card, 0, 1 << 20) == vec![0xA5; 1 << 20]);
}

#[test]
fn data_of_etcd_stays_on_the_card() {
    let scene = two_nodes();
    let card = used_card(&scene, "card");
    let data = etcd_data(&scene);
    put(&card, DATA, &data);
    // The copies of the superblock in file systems of 1 and of 4 KiB per block.
    let copies = [8193 << 10, 128 << 20];
    put(&card, DATA + copies[1], &data[1024..2048]);
    let label = |copy: u64| bytes_at(&card, DATA + copy + 0x78, 9);
    for copy in copies {
        assert_eq!(label(copy), b"etcd-data");
    }
    let kept = scene
        .bare(&["flash", "etcd1", "card", "--yes-really"])
        .done();
    assert!(
        kept.stdout.ends_with("; etcd's data on the card is kept\n"),
        "{}",
        kept.stdout
    );
    assert!(bytes_at(&card, DATA, data.len()) == data);

    let wiped = scene
        .bare(&["flash", "etcd1", "card", "--yes-really", "--wipe-data"])
        .done();
    assert!(
        wiped
            .stdout
            .ends_with("; the place of etcd's data is erased\n"),
        "{}",
        wiped.stdout
    );
    assert!(bytes_at(&card, DATA, 4 << 20) == vec![0; 4 << 20]);
    // The node would not format a place that they name as etcd's.
    for copy in copies {
        assert_eq!(label(copy), [0; 9]);
    }
}

/// The node would begin without data, and so would all of them.
#[test]
fn data_that_the_image_would_leave_behind_is_not_lost_unasked() {
    let scene = two_nodes();
    scene.file("cluster.toml", "[appliance]\nread-only = false\n");
    scene.run("build", &["--nodes", "2"]).done();
    let card = used_card(&scene, "card");
    put(&card, DATA + 1024 + 0x38, &[0x53, 0xEF]);
    put(&card, DATA + 1024 + 0x78, b"etcd-data\0\0\0\0\0\0\0");
    let before = bytes_at(&card, 0, 1 << 20);
    refused(
        &scene,
        &["etcd1", "card", "--yes-really"],
        2,
        "card holds etcd's data at byte 8589934592, which this image does not use: its node would begin without data",
        "while a majority of the other members has the data, add `--wipe-data`: the node then gets it from them. Change one node at a time",
    );
    assert!(bytes_at(&card, 0, 1 << 20) == before);
    let arguments = ["flash", "etcd1", "card", "--yes-really", "--wipe-data"];
    scene.bare(&arguments).done();
    assert!(bytes_at(&card, DATA, 4 << 20) == vec![0; 4 << 20]);
}

#[test]
fn other_data_in_the_place_of_etcd_s_data_is_refused_as_the_node_would() {
    let scene = two_nodes();
    let card = used_card(&scene, "card");
    put(&card, DATA + 5000, b"photos");
    let before = bytes_at(&card, 0, 1 << 20);
    refused(
        &scene,
        &["etcd1", "card", "--yes-really"],
        2,
        "card holds other data at byte 8589934592, where etcd's data goes: the node would not start",
        "add `--wipe-data` if nothing on the card is needed any more",
    );
    assert!(bytes_at(&card, 0, 1 << 20) == before);
    scene
        .bare(&["flash", "etcd1", "card", "--yes-really", "--wipe-data"])
        .done();
}

#[test]
fn an_image_that_differs_from_its_manifest_leaves_a_card_that_does_not_boot() {
    let scene = two_nodes();
    let card = used_card(&scene, "card");
    put(&scene.image_path("etcd1"), 300, b"flipped");
    refused(
        &scene,
        &["etcd1", "card", "--yes-really", "--quiet"],
        3,
        "images/etcd1.img: the image differs from its manifest; the card is not bootable",
        "fetch the image again, or build it again with the same state directory; then flash this card again",
    );
    assert!(bytes_at(&card, 0, 1 << 20) == vec![0; 1 << 20]);
}

#[test]
fn a_dry_run_writes_nothing() {
    let scene = two_nodes();
    let card = used_card(&scene, "card");
    let outcome = scene
        .bare(&["flash", "etcd1=card", "--yes-really", "--dry-run"])
        .done();
    let (begin, end) = (
        "images/etcd1.img → card: ",
        " would be written; the card has no data of etcd\n",
    );
    assert!(
        outcome.stdout.starts_with(begin) && outcome.stdout.ends_with(end),
        "{}",
        outcome.stdout
    );
    assert!(bytes_at(&card, 0, 1 << 20) == vec![0xA5; 1 << 20]);
    put(&scene.image_path("etcd1"), 300, b"flipped");
    let outcome = scene.bare(&["flash", "etcd1=card", "--yes-really", "--dry-run"]);
    let wanted =
        "error: images/etcd1.img: the image differs from its manifest; nothing was written\n";
    assert!(outcome.stderr.starts_with(wanted), "{}", outcome.stderr);
    assert_eq!(outcome.code, Some(3));
}

#[test]
fn a_disk_that_fails_leaves_a_card_that_does_not_boot() {
    let scene = two_nodes();
    // The place of the data is erased first.
    for more in [&[][..], &["--wipe-data"]] {
        let card = used_card(&scene, "card");
        let arguments = ["--quiet", "flash", "etcd1", "card", "--yes-really"];
        let outcome = scene.bare_with_file_limit(&[&arguments, more].concat(), 10 << 20);
        let stderr = outcome.stderr;
        assert_eq!(outcome.code, Some(5), "{stderr}");
        let hint =
            "hint: the card or its reader failed: use another card; this one does not boot\n";
        assert!(
            stderr.starts_with("error: writing card at byte ") && stderr.ends_with(hint),
            "{stderr}"
        );
        assert!(bytes_at(&card, 0, 1 << 20) == vec![0; 1 << 20], "{more:?}");
    }
}

#[test]
fn an_interrupted_flash_leaves_a_card_that_does_not_boot() {
    let scene = two_nodes();
    let head = bytes_at(&scene.image_path("etcd1"), 0, 1 << 20);
    let data = etcd_data(&scene);
    for (number, milliseconds) in [5, 10, 20, 40, 60, 80, 120, 160, 200].iter().enumerate() {
        let card = used_card(&scene, "card");
        let has_data = number % 2 == 0;
        if has_data {
            put(&card, DATA, &data);
        }
        let mut flash = scene.start_bare(&["flash", "etcd1", "card", "--yes-really"]);
        sleep(Duration::from_millis(*milliseconds));
        flash.kill().unwrap();
        flash.wait().unwrap();
        let found = bytes_at(&card, 0, 1 << 20);
        let first_block = &found[..4096];
        let is_untouched = found.iter().all(|byte| *byte == 0xA5);
        let has_no_partition_table = first_block.iter().all(|byte| *byte == 0);
        let is_whole = found == head;
        assert!(
            is_untouched || has_no_partition_table || is_whole,
            "after {milliseconds} ms the card begins with {:02x?}",
            &found[440..512]
        );
        assert!(!has_data || bytes_at(&card, DATA, data.len()) == data);
    }
}

#[test]
fn one_node_does_not_go_to_two_cards_in_two_formats() {
    let scene = Scene::with("raspios-trixie");
    scene.build(&["--nodes", "1", "--format", "img,img.gz"]);
    for card in ["a", "b"] {
        let card = File::create(scene.at(card)).unwrap();
        card.set_len(CARD).unwrap();
    }
    refused(
        &scene,
        &["etcd1=a", "images/etcd1.img.gz=b", "--yes-really"],
        2,
        "images/etcd1.img and images/etcd1.img.gz are images of the same node, etcd1 of cluster main; \
         two boards with the same identity harm the cluster",
        "name one card for each node, as in `etcd1=/dev/sda etcd2=/dev/sdb`",
    );
}

#[test]
fn a_node_is_flashed_from_the_file_that_exists() {
    let scene = Scene::with("raspios-trixie");
    scene.build(&["--nodes", "2", "--format", "img,img.zst"]);
    let dry_run = |targets: &[&str]| {
        let options = ["flash", "--dry-run", "--yes-really"];
        scene.bare(&[&options, targets].concat())
    };
    for card in ["a", "b"] {
        let card = File::create(scene.at(card)).unwrap();
        card.set_len(CARD).unwrap();
    }
    let raw = dry_run(&["etcd1=a", "etcd2=b"]).done().stdout;
    assert_eq!(raw.matches(".img → ").count(), 2, "{raw}");
    // Whoever fetched published images has the compressed ones only.
    fs::remove_file(scene.image_path("etcd1")).unwrap();
    let mixed = dry_run(&["etcd1=a", "etcd2=b"]).done().stdout;
    let lines: Vec<&str> = mixed.lines().collect();
    assert!(
        lines[0].starts_with("images/etcd1.img.zst → a: "),
        "{mixed}"
    );
    assert!(lines[1].starts_with("images/etcd2.img → b: "), "{mixed}");
    fs::remove_file(scene.at("images/etcd1.img.zst")).unwrap();
    let gone = dry_run(&["etcd1", "a"]);
    let wanted = "error: images/etcd1.img does not exist\n\
                  hint: check the path, or build the image first\n";
    assert_eq!((gone.code, &*gone.stderr), (Some(2), wanted));
}
