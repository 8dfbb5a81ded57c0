//! What this crate cannot handle.

use thiserror::Error as ThisError;

/// A set of feature bits of an ext4 superblock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FeatureSet {
    /// `s_feature_compat`: an unknown bit does not stop others from writing, but it stops us.
    Compat,
    /// `s_feature_incompat`: an unknown bit forbids reading and writing.
    Incompat,
    /// `s_feature_ro_compat`: an unknown bit forbids writing.
    RoCompat,
}

/// This crate cannot handle it.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Unsupported {
    /// ext4 features outside the list of those that were tested.
    #[error("the file system uses {set:?} features {bits:#x} that are not supported")]
    Feature {
        /// Which field they are in.
        set: FeatureSet,
        /// The bits that are not supported, alone.
        bits: u32,
    },
    /// ext4 features that must be there.
    #[error("the file system lacks the {set:?} features {bits:#x} (is it ext2 or ext3?)")]
    MissingFeature {
        /// Which field they are missing from.
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
    /// FAT has no symbolic links.
    #[error("FAT cannot hold the symbolic link {path}")]
    FatSymlink {
        /// The link.
        path: String,
    },
    /// A GPT layout nobody writes.
    #[error("a GPT with {count} entries of {size} bytes is not supported")]
    GptEntries {
        /// Entries in the table.
        count: u32,
        /// Bytes per entry.
        size: u32,
    },
    /// A file that holds more than the whole file system: sparse.
    #[error("{path} claims {size} bytes, more than the file system has")]
    SparseFile {
        /// The file.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A name that is not UTF-8.
    #[error("a name in {path} is not UTF-8")]
    NameEncoding {
        /// The folder, or the link.
        path: String,
    },
    /// A library refused something for its own reasons.
    #[error("{path}: {reason}")]
    Library {
        /// The file or folder.
        path: String,
        /// What the library said.
        reason: String,
    },
}
