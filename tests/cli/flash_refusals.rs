//! Checks that `etcd-image flash` writes to cards only, each large enough and named once.

use std::fs::{self, File};

use super::flash::{CARD, DATA, refused, two_nodes};

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
    let file = "name a card, or add --yes-really to overwrite the file";
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
            "images has 2 nodes (etcd1, etcd2), but 1 devices are named",
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
