//! What an image is made of.

use serde::Serialize;

use crate::recipe::Family;

/// An image's partitions and what its root says it is.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Size of the image in bytes.
    pub size: u64,
    /// MBR disk signature.
    pub disk_id: u32,
    /// The FAT the firmware boots from.
    pub boot: Part,
    /// The ext4 root.
    pub root: Part,
    /// How it behaves at first boot.
    pub family: Family,
    /// `PRETTY_NAME` of its os-release(5).
    pub release: String,
}

/// One partition with its file system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Number in the partition table, from 1.
    pub number: u32,
    /// First byte in the image.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
    /// `fat` or `ext4`.
    pub filesystem: &'static str,
    /// Free room in bytes.
    pub free_bytes: u64,
}
