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
    /// Where a node's system is, or comes from.
    pub system: System,
    /// How it behaves at first boot.
    pub family: Family,
    /// `PRETTY_NAME` of its os-release(5).
    pub release: String,
}

/// What besides the boot partition an image has: it decides how a node gets onto it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// An ext4 that the node runs from as it is.
    Root(Part),
    /// Ubuntu Core 18: an ext4 that is laid over the read-only base on the node.
    Writable(Part),
    /// Ubuntu Core 20 and later: nothing. The first boot makes the rest of what lies on the FAT.
    Seed,
}

impl System {
    /// The ext4, where there is one.
    pub fn part(&self) -> Option<&Part> {
        match self {
            Self::Root(part) | Self::Writable(part) => Some(part),
            Self::Seed => None,
        }
    }
}

impl Layout {
    /// The partitions that are edited, in the order of the table.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        std::iter::once(&self.boot).chain(self.system.part())
    }
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
