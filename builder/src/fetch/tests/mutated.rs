//! Feeds the readers of programs, of packed images and of lists with damaged ones.

use std::io::Read as _;

use super::super::decode::{Decoder, PackedFormat};
use super::super::elf::{self, tests::elf};
use super::super::sums::{digest_beside, listed_digest, newest_name};
use super::scene::xz;
use crate::mutated::{survives, survives_texts};

/// The most bytes that a damaged packed file may give before the rest is not read.
const ENOUGH: u64 = 1 << 20;

#[test]
fn damaged_programs() {
    let sound = [
        elf(183, None, b""),
        elf(183, Some("/lib/ld-linux-aarch64.so.1"), b"GLIBC_2.34"),
    ];
    survives("programs", &sound, |bytes| {
        let _ = elf::check(bytes, "etcd");
        let _ = elf::is_static(bytes);
        let _ = elf::address_of(bytes, 70);
    });
}

#[test]
fn damaged_packed_images() {
    let image: Vec<u8> = (0..3000_u32).flat_map(u32::to_le_bytes).collect();
    let two = [xz(&image), vec![0; 8], xz(b"the end")].concat();
    let zst = zstd::encode_all(&image[..], 1).unwrap();
    survives("packed", &[xz(&image), two, zst], |bytes| {
        let _ = PackedFormat::sniff(bytes);
        if let Ok(decoder) = Decoder::new(bytes, 1) {
            let _ = decoder.take(ENOUGH).read_to_end(&mut Vec::new());
        }
    });
}

#[test]
fn damaged_lists_of_digests() {
    let digest = "483db18a48da399b5b7022ffae9a07bc6d99daab30e593aedac09b69ff422843";
    let list = format!("{digest} *ubuntu-24.04.3-preinstalled.img.xz\n{digest}  a.img.xz\n");
    let sound = [&list, digest, "SHA256 (a.img.xz) = 00\n"];
    survives_texts("lists", &sound, |text| {
        let _ = digest_beside(text, "a.img.xz");
        let _ = listed_digest(text, "a.img.xz");
        let _ = newest_name(text, "ubuntu-24.04*-preinstalled.img.xz");
    });
}
