//! Reads images: partitions, file systems, the operating system, free space and files. It never writes.

mod core;
mod files;
mod found;
mod image;
mod layout;
mod libc;
mod mapped;
mod os_release;
mod packages;
mod partitions;
mod recognize;
mod used;

pub use self::core::base::SignedModels;
pub use files::Files;
pub use found::{Attributes, BaseFiles, Before, find};
pub use image::Image;
pub use layout::{Layout, NODE_PROGRAMS, NodeLocation, OtherPart, Part, System, Volume};
pub use libc::glibc;
pub(crate) use mapped::{MAP_BLOCK, mapped_ranges};
pub use os_release::OsRelease;
pub(crate) use packages::{DebianPackage, STATUS, installed, packages};
pub use recognize::{check_recipe, recognize};
