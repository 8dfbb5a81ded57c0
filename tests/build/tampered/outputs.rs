//! Flips bits in what a build wrote.

use std::fs;

use super::{Section, base64, digit, flip, is_told, len, message};
use crate::build::compressed;
use crate::support::checksum;
use crate::support::fixture::{digest, poke};
use crate::support::scene::Scene;
use crate::support::signer::{key, sign_with_ssh_keygen};

/// Returns a signed build in every format. The public key of its signer is in `allowed`.
fn published() -> Scene {
    let scene = compressed::in_every_format();
    key(&scene, "ada", "ed25519", "");
    sign_with_ssh_keygen(&scene, "ada");
    scene
}

const OTHER: &str = "the image's SHA-256 is DIGEST, the manifest has DIGEST";

#[test]
fn a_flipped_bit_in_an_image_is_reported() {
    let scene = published();
    let unpacking = |format: &str, why: &str| {
        let path = format!("images/etcd1.{format}");
        format!("inspecting {path}: unpacking {path}: {why}")
    };
    let mut section = Section::new("Images");
    // The end of a format's file is the checksum of its last block.
    for (format, from_end, message) in [
        ("img", None, OTHER.to_owned()),
        (
            "img.xz",
            None,
            unpacking("img.xz", "the xz data is damaged (offset NUMBER)"),
        ),
        (
            "img.zst",
            Some(1),
            unpacking("img.zst", "Restored data doesn't match checksum"),
        ),
        (
            "img.gz",
            Some(8),
            unpacking(
                "img.gz",
                "corrupt gzip stream does not have a matching checksum",
            ),
        ),
    ] {
        let file = format!("images/etcd1.{format}");
        let command = ["verify", &file, "--allowed-signers", "allowed"];
        let size = len(&scene, &file);
        let place = from_end.map_or(size / 2, |bytes| size - bytes);
        flip(&scene, &file, place);
        section.reported(&file, &command, &scene.bare(&command), (3, &message));
        flip(&scene, &file, place);
        scene.bare(&command).done();
    }
    section.is_documented();
}

#[test]
fn a_flipped_bit_in_a_file_beside_the_images_is_reported_with_its_digest() {
    let scene = published();
    for format in ["img", "img.xz", "img.zst"] {
        fs::remove_file(scene.at(&format!("images/etcd1.{format}"))).unwrap();
    }
    // What proves the origin has a test of its own.
    let others = [
        "SHA256SUMS",
        "SHA256SUMS.sig",
        "manifest.json",
        ".etcd-image.lock",
        "etcd1.img.gz",
    ];
    let mut files = scene.names("images");
    files.retain(|file| {
        !others
            .iter()
            .any(|other| *file == format!("images/{other}"))
    });
    for name in [
        "etcd1.bmap",
        "etcd1.spdx.json",
        "etcd-image.rpi-imager-manifest",
        "provenance.json",
        "client/admin.key",
        "client/ca.crt",
        "client/known_hosts",
    ] {
        assert!(
            files.contains(&format!("images/{name}")),
            "{name} of {files:?}"
        );
    }
    let wanted: Vec<_> = files.iter().map(|file| digest(&scene.at(file))).collect();
    for file in &files {
        flip(&scene, file, len(&scene, file) / 2);
    }
    let outcome = scene.bare(&["verify", "images"]);
    let mut section = Section::new("Files beside the images");
    for (file, wanted) in files.iter().zip(wanted) {
        let other = "the file's SHA-256 is DIGEST, the manifest has DIGEST";
        section.reported(file, &["verify", "images"], &outcome, (3, other));
        let found = digest(&scene.at(file));
        let digests = format!("is {found}, the manifest has {wanted}\n");
        assert!(outcome.stdout.contains(&digests), "{}", outcome.stdout);
    }
    section.is_documented();
}

#[test]
fn a_flipped_bit_in_what_proves_the_origin_is_reported() {
    let scene = published();
    for format in ["img", "img.xz", "img.zst"] {
        fs::remove_file(scene.at(&format!("images/etcd1.{format}"))).unwrap();
    }
    let signed: &[&str] = &["verify", "images", "--allowed-signers", "allowed"];
    let (list, signature) = ("images/SHA256SUMS", "images/SHA256SUMS.sig");
    let not_signed = "images/SHA256SUMS.sig: SHA256SUMS is not what ada@example signed";
    let mut section = Section::new("What proves the origin of images");
    // The last third of a signature is the part that the key made; the middle of a line of `allowed` is in the key.
    for (file, place, command, message) in [
        (list, digit(&scene, list, 10), signed, not_signed),
        (
            list,
            digit(&scene, list, 10),
            &signed[..2],
            "it has the SHA-256 DIGEST of etcd1.img, the manifest has DIGEST",
        ),
        (
            signature,
            base64(&scene, signature, len(&scene, signature) * 2 / 3),
            signed,
            not_signed,
        ),
        (
            "allowed",
            base64(&scene, "allowed", 60),
            signed,
            "images/SHA256SUMS.sig: the key KEY is not among the allowed signers",
        ),
        (
            "images/manifest.json",
            scene
                .text("images/manifest.json")
                .find("\"version\": \"")
                .unwrap()
                + 12,
            signed,
            "images/SHA256SUMS is signed, but manifest.json has other digests",
        ),
    ] {
        flip(&scene, file, place);
        section.reported(file, command, &scene.bare(command), (3, message));
        flip(&scene, file, place);
    }
    // Without allowed signers, the list shows a change of the manifest.
    let manifest = "images/manifest.json";
    let place = scene.text(manifest).find("\"version\": \"").unwrap() + 12;
    flip(&scene, manifest, place);
    let told = scene.bare(&signed[..2]);
    let other = "it has the SHA-256 DIGEST of manifest.json, the manifest has DIGEST";
    is_told(list, &told, (3, other));
    section.add(manifest, &signed[..2], (3, &format!("{list}: {other}")));
    section.is_documented();
}

#[test]
fn a_flipped_bit_in_the_record_of_a_fleet_is_reported() {
    let scene = crate::fleet::scene();
    scene.build(&["--fleet", "fleet.toml"]);
    let (record, command) = ("images/fleet.json", ["verify", "images"]);
    let none = "is not the record of a fleet";
    let damaged = format!("{record} {none}: it is damaged: its checksum does not match");
    let mut section = Section::new("The record of a fleet");
    let mut flipped = |before: &str, file: &str, wanted: &str| {
        let place = scene.text(record).find(before).unwrap() + before.len();
        flip(&scene, record, place);
        is_told(file, &scene.bare(&command), (3, wanted));
        flip(&scene, record, place);
        let told = match file == record {
            true => wanted.to_owned(),
            false => format!("{file}: {wanted}"),
        };
        section.add(record, &command, (3, &told));
    };
    for (before, wanted) in [
        (
            "",
            format!("{record} {none}: expected value at line 1 column 1"),
        ),
        (
            "\"format\": ",
            format!("{record} {none}: its format 0 is not 1"),
        ),
        ("\"version\": \"", damaged.clone()),
        ("\"name\": \"", damaged.clone()),
        ("\"home-", damaged.clone()),
        ("\"check\": \"", damaged),
    ] {
        flipped(before, record, &wanted);
    }
    scene.bare(&command).done();

    // Earlier versions wrote no checksum.
    scene.file(record, &checksum::removed(&scene.text(record)));
    let absent = "there is no finished build of this cluster";
    flipped("\"name\": \"", "images/iome", absent);
    flipped(
        "\"home-",
        "images/home/home-0",
        "the manifest has no image of node home-0",
    );
    section.is_documented();
    scene.bare(&command).done();
}

#[test]
fn a_flipped_bit_in_what_proves_the_origin_of_a_fleet_is_reported() {
    let scene = crate::fleet::scene();
    key(&scene, "ada", "ed25519", "");
    scene.build(&["--fleet", "fleet.toml", "--sign", "ada"]);
    let signed: &[&str] = &["verify", "images", "--allowed-signers", "allowed"];
    let (list, signature) = ("images/SHA256SUMS", "images/SHA256SUMS.sig");
    let not_signed = "images/SHA256SUMS.sig: SHA256SUMS is not what ada@example signed";
    let made = base64(&scene, signature, len(&scene, signature) * 2 / 3);
    let mut section = Section::new("What proves the origin of a fleet");
    for (file, place, command, message) in [
        (list, digit(&scene, list, 10), signed, not_signed),
        (
            list,
            digit(&scene, list, 10),
            &signed[..2],
            "it has the SHA-256 DIGEST of fleet.json, the directory has DIGEST",
        ),
        (signature, made, signed, not_signed),
    ] {
        flip(&scene, file, place);
        section.reported(file, command, &scene.bare(command), (3, message));
        flip(&scene, file, place);
    }
    section.is_documented();
    scene.bare(signed).done();
}

#[test]
fn blocks_in_another_order_are_reported() {
    let scene = published();
    let mut section = Section::new("Two blocks of an image in another order");
    for (format, block_len) in [
        ("img.zst", frame_len as fn(&[u8]) -> usize),
        ("img.gz", member_len),
    ] {
        let file = format!("images/etcd1.{format}");
        let whole = fs::read(scene.at(&file)).unwrap();
        let mut ends = vec![0];
        while let Some(end) = ends.last().filter(|end| **end < whole.len()) {
            ends.push(end + block_len(&whole[*end..]));
        }
        // Two different blocks of the root file system.
        let at = (60..ends.len() - 2)
            .find(|at| whole[ends[*at]..ends[at + 1]] != whole[ends[at + 1]..ends[at + 2]])
            .unwrap();
        let (first, second) = whole[ends[at]..ends[at + 2]].split_at(ends[at + 1] - ends[at]);
        poke(&scene.at(&file), ends[at] as u64, &[second, first].concat());
        let command = ["verify", &*file];
        let outcome = scene.bare(&command);
        let unpacked = "the SHA-256 of the unpacked image is DIGEST, the manifest has DIGEST";
        let (said, begins) = (message(&file, &outcome), format!("{OTHER}; {unpacked}"));
        assert!(said.starts_with(&begins), "{said}");
        assert_eq!(outcome.code, Some(3));
        section.add(&file, &command, (3, &begins));
    }
    section.is_documented();
}

fn frame_len(bytes: &[u8]) -> usize {
    zstd::zstd_safe::find_frame_compressed_size(bytes).unwrap()
}

fn member_len(bytes: &[u8]) -> usize {
    let mut member = flate2::bufread::GzDecoder::new(bytes);
    std::io::copy(&mut member, &mut std::io::sink()).unwrap();
    bytes.len() - member.into_inner().len()
}
