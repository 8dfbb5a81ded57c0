//! What an image is made of.

use serde::Serialize;

use super::found::Place;
use super::os_release::OsRelease;
use crate::recipe::Grade;

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
    /// Numbers of the partitions that are neither boot nor root; a node leaves them unchanged.
    pub others: Vec<u32>,
    /// Which operating system it is.
    pub os: OsRelease,
}

/// What besides the boot partition an image has: it decides how a node gets onto it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// An ext4 that the node runs from as it is.
    Root(Part),
    /// Ubuntu Core 18: an ext4 that is laid over the read-only base on the node.
    Writable(Part),
    /// Ubuntu Core 20 and later: nothing. The first boot makes the rest of what lies on the FAT.
    Seed(Grade),
}

/// Where a node's own files lie in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// Which file system.
    pub place: Place,
    /// The directory that contains every file of the node, or `None` if they are spread over the root file system.
    pub payload: Option<&'static str>,
}

impl System {
    /// Where a node's files lie.
    pub fn home(&self) -> Home {
        match self {
            Self::Root(_) => Home {
                place: Place::Root,
                payload: None,
            },
            Self::Writable(_) => Home {
                place: Place::Root,
                payload: Some("/system-data/var/lib/misc/etcd-node"),
            },
            Self::Seed(_) => Home {
                place: Place::Boot,
                payload: Some("/etcd-node"),
            },
        }
    }

    /// Bytes that must stay free in the file system of a node's files: snapd keeps up to three kernels on the FAT.
    pub fn reserve(&self) -> u64 {
        match self {
            Self::Root(_) | Self::Writable(_) => 0,
            Self::Seed(_) => 300 << 20,
        }
    }

    /// The ext4, where there is one.
    pub fn part(&self) -> Option<&Part> {
        match self {
            Self::Root(part) | Self::Writable(part) => Some(part),
            Self::Seed(_) => None,
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
    /// Free space in bytes.
    pub free_bytes: u64,
    /// Label of the file system.
    #[serde(skip)]
    pub label: String,
    /// UUID of the file system, as Linux spells it.
    #[serde(skip)]
    pub uuid: String,
}
