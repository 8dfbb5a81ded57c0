//! The structure of an image.

use serde::{Deserialize, Serialize};

use super::os_release::OsRelease;
use crate::recipe::Grade;

/// The partitions of an image and the operating system that its root names.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Size of the image in bytes.
    pub size: u64,
    /// MBR disk signature.
    pub disk_id: u32,
    /// The FAT partition that the firmware boots from.
    pub boot: Part,
    /// Where a node's system is, or what it is created from.
    pub system: System,
    /// The partitions that are neither boot nor root; a node leaves them unchanged.
    pub others: Vec<OtherPart>,
    /// The operating system.
    pub os: OsRelease,
}

/// A partition that this program neither reads nor edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherPart {
    /// Number in the partition table, from 1.
    pub number: u32,
    /// First byte in the image.
    pub start: u64,
}

/// What an image has apart from the boot partition, which decides how a node is written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum System {
    /// An ext4 partition that the node runs from directly.
    Root(Part),
    /// Ubuntu Core 18: an ext4 partition that the node mounts over the read-only base.
    Writable(Part),
    /// Ubuntu Core 20 and later: no other partition. The first boot creates the rest from the content of the FAT partition.
    Seed(Grade),
}

/// A partition or file system that this program reads or edits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Volume {
    /// The FAT partition that the firmware boots from.
    Boot,
    /// The ext4 partition: the root file system, or the writable layer above it.
    Root,
    /// The read-only system that Ubuntu Core keeps in a snap. It is read, never written.
    Base,
}

impl Volume {
    /// Returns the name that reports use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Root => "root",
            Self::Base => "base",
        }
    }
}

/// The location of a node's own files in an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeLocation {
    /// The file system.
    pub volume: Volume,
    /// The directory that contains every file of the node, or `None` if they are spread over the root file system.
    pub payload: Option<&'static str>,
}

/// The directory of a node's programs and its description, if its files are spread over the root file system.
pub const NODE_PROGRAMS: &str = "/usr/local/lib/etcd-node";

impl System {
    /// Returns the location of a node's files.
    pub fn node_location(&self) -> NodeLocation {
        match self {
            Self::Root(_) => NodeLocation {
                volume: Volume::Root,
                payload: None,
            },
            Self::Writable(_) => NodeLocation {
                volume: Volume::Root,
                payload: Some("/system-data/var/lib/misc/etcd-node"),
            },
            Self::Seed(_) => NodeLocation {
                volume: Volume::Boot,
                payload: Some("/etcd-node"),
            },
        }
    }

    /// Returns the bytes that must stay free in the file system with the node's files: snapd keeps up to three kernels on
    /// the FAT.
    pub fn reserve(&self) -> u64 {
        match self {
            Self::Root(_) | Self::Writable(_) => 0,
            Self::Seed(_) => 300 << 20,
        }
    }

    /// Returns the ext4 partition, if the image has one.
    pub fn part(&self) -> Option<&Part> {
        match self {
            Self::Root(part) | Self::Writable(part) => Some(part),
            Self::Seed(_) => None,
        }
    }
}

impl Layout {
    /// Returns the numbers of the partitions that are neither boot nor root.
    pub fn other_numbers(&self) -> impl Iterator<Item = u32> {
        self.others.iter().map(|other| other.number)
    }

    /// Returns the partitions that are edited, in the order of the table.
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
    /// The number of files that can still be created; `None` on FAT, where only the free space limits it.
    #[serde(skip)]
    pub free_files: Option<u32>,
    /// Label of the file system.
    #[serde(skip)]
    pub label: String,
    /// UUID of the file system, as Linux spells it.
    #[serde(skip)]
    pub uuid: String,
}
