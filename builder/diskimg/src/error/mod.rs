//! Errors in four classes, each with its own next step. Every error names its place by offset or path.

use std::io::ErrorKind;
use std::path::PathBuf;

use thiserror::Error as ThisError;

mod corrupt;
mod foreign;
mod refused;
mod unsupported;

pub use corrupt::Corrupt;
pub use foreign::Foreign;
pub use refused::Refused;
pub use unsupported::Unsupported;

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// The error of every operation of this crate.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Error {
    /// The bytes could not be read or written. Check the disk and try again.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The image may be valid, but this crate does not support it.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The image contradicts its format. Repair it or get another one.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// The request would destroy something, or there is not enough space. Change the request or the image.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// An error while reading or writing the bytes of an image.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum StorageError {
    /// The file could not be opened.
    #[error("opening {}: {message}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The kind of the system's error.
        kind: ErrorKind,
        /// The message of the system's error.
        message: String,
    },
    /// The system could not transfer bytes.
    #[error("accessing the image at byte {offset}: {message}")]
    Io {
        /// The first byte of the transfer.
        offset: u64,
        /// The kind of the system's error.
        kind: ErrorKind,
        /// The message of the system's error.
        message: String,
    },
    /// The range is not inside the storage.
    #[error("{len} bytes at byte {offset} are outside the image of {size} bytes")]
    OutOfRange {
        /// The first byte of the range.
        offset: u64,
        /// The length of the range in bytes.
        len: u64,
        /// The size of the storage in bytes.
        size: u64,
    },
    /// A sector whose offset in bytes does not fit into 64 bits.
    #[error("sector {sector} is outside the image")]
    NoSector {
        /// The number of the sector.
        sector: u64,
    },
    /// More bytes than this machine can hold at once.
    #[error("{len} bytes at byte {offset} do not fit into memory")]
    TooLarge {
        /// The first byte of the range.
        offset: u64,
        /// The length of the range in bytes.
        len: u64,
    },
}
