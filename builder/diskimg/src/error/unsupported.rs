//! Valid images that this crate does not support.

use thiserror::Error as ThisError;

/// A set of feature bits of an ext4 superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeatureSet {
    /// `s_feature_compat`. By the specification an unknown bit permits writing; this crate rejects it.
    Compat,
    /// `s_feature_incompat`: an unknown bit forbids reading and writing.
    Incompat,
    /// `s_feature_ro_compat`: an unknown bit forbids writing.
    RoCompat,
}

/// The image may be valid, but this crate does not support it.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Unsupported {
    /// ext4 features with which the writer is not tested.
    #[error("the file system uses {set:?} features {bits:#x} that are not supported")]
    Feature {
        /// The field that contains them.
        set: FeatureSet,
        /// The bits that are not supported.
        bits: u32,
    },
    /// Missing ext4 features that are required.
    #[error("the file system lacks the {set:?} features {bits:#x} (is it ext2 or ext3?)")]
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
