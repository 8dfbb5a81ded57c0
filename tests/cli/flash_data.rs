//! Checks that `etcd-image flash` writes nothing over data of etcd that it does not keep.

use std::fs::File;
use std::path::Path;

use super::flash::{CARD, DATA, bytes_at, etcd_data, put, refused, two_nodes, used_card};
use crate::support::fixture::{copy_sparse, image};
use crate::support::scene::Scene;
use crate::support::tool::tool;

const UNNEEDED: &str = "use another card, or add `--wipe-data` if nobody needs the data";

/// Creates a scene with the images of two nodes and one of no node, `stock.img`.
fn with_stock() -> Scene {
    let scene = two_nodes();
    copy_sparse(&image("raspios-trixie"), &scene.at("stock.img"));
    scene
}

/// Returns whether nobody has written to the beginning of a used card.
fn is_untouched(card: &Path) -> bool {
    bytes_at(card, 0, 1 << 20) == vec![0xA5; 1 << 20]
}

#[test]
fn an_image_of_no_node_is_not_written_over_data() {
    let scene = with_stock();
    let (card, data) = (used_card(&scene, "card"), etcd_data(&scene));
    put(&card, DATA, &data);
    let line = ["stock.img", "card", "--yes-really"];
    let error =
        "card holds etcd's data at byte 8589934592, but stock.img is not an image of a node";
    refused(&scene, &line, 2, error, UNNEEDED);
    assert!(is_untouched(&card));
    assert!(bytes_at(&card, DATA, data.len()) == data);
    let wiped = scene
        .bare(&[&["flash", "--wipe-data"], &line[..]].concat())
        .done();
    let end = "; the place of etcd's data is erased\n";
    assert!(wiped.stdout.ends_with(end), "{}", wiped.stdout);
    assert!(bytes_at(&card, DATA, 4 << 20) == vec![0; 4 << 20]);
}

#[test]
fn an_image_that_reaches_into_the_place_of_the_data_is_refused() {
    let scene = two_nodes();
    let (card, data) = (used_card(&scene, "card"), etcd_data(&scene));
    put(&card, DATA, &data);
    // As for QEMU, which wants a power of two.
    let grown = scene.at("grown.img");
    copy_sparse(&scene.image_path("etcd1"), &grown);
    put(&grown, DATA + (1 << 20) - 1, &[0]);
    let error = "grown.img reaches beyond byte 8589934592, where etcd's data begins: it would overwrite the data";
    let hint =
        "flash the image as `build` wrote it; an enlarged copy, as for QEMU, is not for cards";
    let line = ["grown.img", "card", "--yes-really"];
    for more in [&[][..], &["--dry-run"], &["--wipe-data"]] {
        refused(&scene, &[&line, more].concat(), 2, error, hint);
    }
    assert!(is_untouched(&card));
    assert!(bytes_at(&card, DATA, data.len()) == data);
}

#[test]
fn data_with_a_damaged_beginning_is_refused_until_it_is_repaired() {
    let scene = with_stock();
    let (card, data) = (used_card(&scene, "card"), etcd_data(&scene));
    put(&card, DATA, &data);
    let error = "card holds etcd's data at byte 8589934592, whose beginning is damaged";
    let hint = "repair it (`sudo e2fsck -b 8193 -B 1024 'card?offset=8589934592'`), or add `--wipe-data` if nobody needs it";
    for byte in [0, 0xFF, 0x55] {
        put(&card, DATA, &vec![byte; 4 << 20]);
        for image in ["etcd1", "stock.img"] {
            refused(&scene, &[image, "card", "--yes-really"], 2, error, hint);
        }
    }
    assert!(is_untouched(&card));
    assert!(bytes_at(&card, DATA + (4 << 20), 4 << 20) == data[4 << 20..8 << 20]);

    // The node recognizes it again after the command of the hint.
    let place = format!("{}?offset={DATA}", card.display());
    let repaired = tool("e2fsck", &["-y", "-b", "8193", "-B", "1024", &place]);
    assert_eq!(repaired.code, Some(1), "{}", repaired.words());
    let line = ["flash", "etcd1", "card", "--yes-really"];
    let kept = scene.bare(&line).done().stdout;
    let end = "; etcd's data on the card is kept\n";
    assert!(kept.ends_with(end), "{kept}");

    put(&card, DATA, &vec![0; 4 << 20]);
    let wiped = scene.bare(&[&line[..], &["--wipe-data"]].concat()).done();
    let end = "; the place of etcd's data is erased\n";
    assert!(wiped.stdout.ends_with(end), "{}", wiped.stdout);
    let empty = scene.bare(&line).done().stdout;
    let end = "; the card has no data of etcd\n";
    assert!(empty.ends_with(end), "{empty}");
}

#[test]
fn every_superblock_that_names_etcd_s_data_counts() {
    let scene = two_nodes();
    // The first one without the magic number, and the copy in file systems of 4 KiB per block.
    for superblock in [1024, 128 << 20] {
        let card = used_card(&scene, "card");
        put(&card, DATA + superblock + 0x78, b"etcd-data");
        let error = "card holds etcd's data at byte 8589934592, whose beginning is damaged";
        let hint = "repair it (`sudo e2fsck -b 32768 -B 4096 'card?offset=8589934592'`), or add `--wipe-data` if nobody needs it";
        let line = ["etcd1", "card", "--yes-really"];
        refused(&scene, &line, 2, error, hint);
        assert!(is_untouched(&card));
        // A node that was interrupted while it formatted the place does so again. This card ends within a sector.
        let file = File::options().write(true).open(&card).unwrap();
        file.set_len(CARD + 100).unwrap();
        put(&card, CARD - 512, b"etcd-node formats here");
        scene.bare(&[&["flash"], &line[..]].concat()).done();
    }
}

#[test]
fn a_disk_with_data_alone_is_no_card() {
    let scene = with_stock();
    let (disk, data) = (used_card(&scene, "disk"), etcd_data(&scene));
    put(&disk, 0, &data);
    let error = "disk is a disk with etcd's data, not a card";
    for image in ["etcd1", "stock.img"] {
        let line = [image, "disk", "--yes-really"];
        refused(&scene, &line, 2, error, UNNEEDED);
    }
    assert!(bytes_at(&disk, 0, data.len()) == data);
    let line = ["flash", "etcd1", "disk", "--yes-really", "--wipe-data"];
    scene.bare(&line).done();
}

/// Only the owner knows whether it is still needed. It does not hinder an image that keeps no data there.
#[test]
fn data_that_was_left_behind_is_whole_after_other_images() {
    let scene = with_stock();
    let card = used_card(&scene, "card");
    let mut data = etcd_data(&scene);
    data[1024 + 0x78..][..14].copy_from_slice(b"etcd-data-left");
    // One of the places with which `flash` finds out how large the card is.
    data[4 << 20..][..4096].fill(0x5A);
    put(&card, DATA, &data);
    let line = ["etcd1", "card", "--yes-really"];
    refused(
        &scene,
        &line,
        2,
        "card holds other data at byte 8589934592, where etcd's data goes: the node would not start",
        "add `--wipe-data` if nothing on the card is needed any more",
    );
    scene
        .bare(&["flash", "stock.img", "card", "--yes-really"])
        .done();
    assert!(bytes_at(&card, DATA, data.len()) == data);
}
