//! Checks that `etcd-image flash` writes to cards only, each large enough and named once.

use std::fs::{self, File};

use super::flash::{CARD, DATA, bytes_at, put, refused, two_nodes, used_card};
use crate::support::scene::Scene;

/// The next step for an image that is not what its manifest says.
const AGAIN: &str = "fetch the image again, or build it again with the same state directory; then flash this card again";

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_not_a_card_for_the_image_is_refused() {
    let scene = two_nodes();
    File::create(scene.at("card"))
        .unwrap()
        .set_len(CARD)
        .unwrap();
    File::create(scene.at("small"))
        .unwrap()
        .set_len(1 << 20)
        .unwrap();
    let size = fs::metadata(scene.image_path("etcd1")).unwrap().len();
    File::create(scene.at("short"))
        .unwrap()
        .set_len(size)
        .unwrap();
    let card_hint = "name one card for each node, as in `etcd1=/dev/sda etcd2=/dev/sdb`";
    let file = "name a card, or add `--yes-really` to overwrite the file";
    let one = "name a node of the directory, or one image, as in `images/etcd1.img`";
    let listed = "`etcd-image flash --list` shows the disks of this machine";
    let cases: &[(&str, &str, &str)] = &[
        ("etcd1 card", "card is a file, not a disk", file),
        (
            "etcd1 /dev/null",
            "/dev/null is neither a disk nor a file",
            "name a card, as in /dev/sdX; `etcd-image flash --list` shows them",
        ),
        (
            "etcd1 images/etcd1.img",
            "images/etcd1.img is the image itself",
            "name the card to write",
        ),
        (
            "etcd1 images/etcd2.img --yes-really",
            "images/etcd2.img is an image of the manifest beside it",
            "name the card to write",
        ),
        (
            "etcd1 /dev/no-such",
            "cannot open /dev/no-such: No such file or directory (os error 2)",
            listed,
        ),
        (
            "etcd1 small --yes-really",
            &format!("small has 1048576 bytes, but images/etcd1.img has {size}"),
            "use a larger card",
        ),
        (
            "etcd1 short --yes-really",
            &format!("short has {size} bytes, but etcd's data begins at byte {DATA}"),
            "use a card of 16 GB or more, or `[appliance] data` for another disk",
        ),
        (
            "etcd9 card",
            "images has no image of a node etcd9",
            "its nodes are etcd1, etcd2; name one of them or the path of an image",
        ),
        (
            "./etcd9.img card",
            "./etcd9.img does not exist",
            "check the path, or build the image first",
        ),
        (
            "images/manifest.json card",
            "images/manifest.json is not a disk image",
            one,
        ),
        ("images/ card", "images/ is a directory", one),
        (
            "--images nowhere etcd1 card",
            "nowhere does not exist",
            "name the directory that `etcd-image build` wrote, or one image",
        ),
        (
            "etcd1=card etcd2=card",
            "card is named twice; a card holds one node",
            card_hint,
        ),
        (
            "etcd1=card etcd1=small",
            "images/etcd1.img would go to two cards; two boards with the same identity harm the cluster",
            card_hint,
        ),
        (
            "etcd1 card small",
            "`etcd1 card small` does not say which image goes to which device",
            "write `flash NODE DEVICE`, or `flash NODE=DEVICE NODE=DEVICE …`",
        ),
        (
            "--images fleet lab-02-1 card",
            "fleet is a fleet",
            "use `--images fleet/lab-02`",
        ),
        (
            "--images fleet --all card",
            "fleet is a fleet",
            "name the directory of one cluster, as in `--images fleet/lab-01`",
        ),
        (
            "--all card",
            "images has 2 nodes (etcd1, etcd2), but the command line names 1 device",
            "name one device for each node, or use NODE=DEVICE",
        ),
        (
            "--all card small",
            "--all asks for confirmation, but standard input is not a terminal",
            "run `etcd-image flash --images images etcd1=card etcd2=small`",
        ),
    ];
    let fleet = r#"{"format": 1, "version": "1", "clusters": [
        {"name": "lab-01", "nodes": ["lab-01-1"]}, {"name": "lab-02", "nodes": ["lab-02-1"]}]}"#;
    scene.file("fleet/fleet.json", fleet);
    for (arguments, error, hint) in cases {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        refused(&scene, &arguments, 2, error, hint);
    }
}

#[test]
fn a_compressed_image_that_is_cut_short_or_damaged_is_not_written() {
    let formats = "img,img.xz,img.zst,img.gz";
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "1", "--format", formats]);
    let card = used_card(&scene, "card");
    let reasons = [
        ("xz", "the xz data is cut off (offset "),
        ("zst", "incomplete frame"),
        ("gz", "unexpected end of file"),
    ];
    // A damaged one has the size that the manifest says.
    let damaged = scene.at("images/etcd1.img.xz");
    let middle = fs::metadata(&damaged).unwrap().len() / 2;
    let [before] = bytes_at(&damaged, middle, 1)[..] else {
        panic!("one byte")
    };
    put(&damaged, middle, &[before ^ 1]);
    is_corrupt(&scene, "xz", "the xz data is damaged");
    put(&damaged, middle, &[before]);

    for (format, _) in reasons {
        let path = format!("images/etcd1.img.{format}");
        let file = File::options().write(true).open(scene.at(&path)).unwrap();
        let size = file.metadata().unwrap().len();
        file.set_len(size - 1).unwrap();
        let error = format!(
            "{path}: the image has {} bytes, the manifest has {size}; nothing was written",
            size - 1
        );
        let line = [path.as_str(), "card", "--yes-really"];
        refused(&scene, &line, 3, &error, AGAIN);
    }
    fs::remove_file(scene.at("images/manifest.json")).unwrap();
    for (format, reason) in reasons {
        is_corrupt(&scene, format, reason);
    }
    assert!(bytes_at(&card, 0, 1 << 20) == vec![0xA5; 1 << 20]);
}

/// Asserts that `flash` refuses a compressed image for this reason.
#[track_caller]
fn is_corrupt(scene: &Scene, format: &str, reason: &str) {
    let path = format!("images/etcd1.img.{format}");
    let outcome = scene.bare(&["flash", &path, "card", "--yes-really"]);
    let start = format!("error: inspecting {path}: unpacking {path}: ");
    let error = outcome.stderr.lines().next().unwrap_or_default();
    assert!(
        error.starts_with(&start) && error.contains(reason),
        "{format}: {}",
        outcome.stderr
    );
    assert_eq!(outcome.code, Some(4), "{format}");
}
