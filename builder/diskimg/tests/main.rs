//! The promises of the crate, judged by strangers: e2fsck, debugfs, fsck.vfat, mtools, sfdisk, sgdisk.
//!
//! Images are made when a test runs, by `tests/support/images.rs`; nothing binary is kept and nobody needs to be root.
#![expect(
    clippy::disallowed_methods,
    reason = "images are made and judged by foreign programs, in files"
)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and explains itself"
)]

mod support;

mod audit;
mod checkers;
mod damaged_images;

mod tables;

mod ext4_random;
mod ext4_refusals;
mod ext4_room;
mod ext4_writes;
mod fat_refusals;
mod fat_writes;
mod speed;
mod whole_image;
