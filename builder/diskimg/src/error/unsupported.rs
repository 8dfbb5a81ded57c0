//! Valid images that this crate does not support.

use thiserror::Error as ThisError;

use super::foreign::Foreign;
use crate::ext4::FeatureSet;

/// The image may be valid, but this crate does not support it.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Unsupported {
    /// Content in a recognized format other than the expected one.
    #[error("it contains {found} instead of {wanted}")]
    Foreign {
        /// The format found.
        found: Foreign,
        /// What was expected.
        wanted: &'static str,
    },
    /// ext4 features with which the writer is not tested.
    #[error("the file system has features that are not supported: {}", set.names(*bits))]
    Feature {
        /// The field that contains them.
        set: FeatureSet,
        /// The bits that are not supported.
        bits: u32,
    },
    /// Missing ext4 features that are required.
    #[error("the file system lacks the features {} (is it ext2 or ext3?)", set.names(*bits))]
    MissingFeature {
        /// The field that lacks them.
        set: FeatureSet,
        /// The bits that are missing.
        bits: u32,
    },
    /// An ext4 block size other than 1, 2 or 4 KiB.
    #[error("blocks of {bytes} bytes are not supported")]
    BlockSize {
        /// Bytes per block.
        bytes: u32,
    },
    /// ext4 inodes that have no room for a whole checksum, in a file system with checksums.
    #[error("inodes of {bytes} bytes with checksums are not supported")]
    InodeSize {
        /// Bytes per inode.
        bytes: u16,
    },
    /// A FAT sector size other than 512.
    #[error("FAT sectors of {bytes} bytes are not supported")]
    FatSectorSize {
        /// Bytes per sector.
        bytes: u16,
    },
    /// FAT12: fewer than 4085 clusters.
    #[error("FAT12 is not supported ({clusters} clusters)")]
    Fat12 {
        /// The number of clusters.
        clusters: u64,
    },
    /// FAT32 with so few clusters that other programs take it for FAT16.
    #[error("FAT32 with only {clusters} clusters is not supported; it needs 65525")]
    SmallFat32 {
        /// The number of clusters.
        clusters: u64,
    },
    /// A symbolic link, which FAT cannot store.
    #[error("FAT cannot store the symbolic link {path}")]
    FatSymlink {
        /// The link.
        path: String,
    },
    /// A GPT with an unusual number or size of entries.
    #[error("a GPT with {count} entries of {size} bytes is not supported")]
    GptEntries {
        /// The number of entries in the table.
        count: u32,
        /// Bytes per entry.
        size: u32,
    },
    /// A sparse file larger than the file system.
    #[error("{path} has {size} bytes, more than the file system")]
    SparseFile {
        /// The file.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A name that is not UTF-8.
    #[error("a name in {path} is not UTF-8")]
    NameEncoding {
        /// The directory or the symbolic link.
        path: String,
    },
    /// A request that a library does not support.
    #[error("{path}: {reason}")]
    Library {
        /// The file or directory.
        path: String,
        /// The message of the library.
        reason: String,
    },
}
