//! Tests of the crate on whole images, checked with e2fsck, debugfs, fsck.vfat, mtools, sfdisk and sgdisk.
//!
//! `tests/support/images.rs` makes the images when a test runs, without root privileges.
#![expect(
    clippy::disallowed_methods,
    reason = "other programs make and check images in files"
)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking and explains itself"
)]

mod support;

mod audit;
mod audit_random;
mod checkers;
mod damaged_images;
mod directory_audit;
mod fat_audit;
mod fat_options;

mod tables;

mod ext4_random;
mod ext4_refusals;
mod ext4_room;
mod ext4_writes;
mod fat_refusals;
mod fat_writes;
mod speed;
mod unused;
mod whole_image;
