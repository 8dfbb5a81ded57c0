//! Four ways to fail, each with its own next step; every variant names its place by offset or path and carries numbers.

use std::io::ErrorKind;
use std::path::PathBuf;

use thiserror::Error as ThisError;

mod corrupt;
mod refused;
mod unsupported;

pub use corrupt::Corrupt;
pub use refused::Refused;
pub use unsupported::{FeatureSet, Unsupported};

/// A result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something failed.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Error {
    /// The bytes could not be read or written: look at the disk, try again.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The image may be fine; this crate cannot handle it.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The image contradicts its format: get another one, or repair it.
    #[error(transparent)]
    Corrupt(#[from] Corrupt),
    /// Doing it would lose or break something, or there is no room: change the request or the image first.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// The four kinds of failure, without their details.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// See [`Error::Storage`].
    Storage,
    /// See [`Error::Unsupported`].
    Unsupported,
    /// See [`Error::Corrupt`].
    Corrupt,
    /// See [`Error::Refused`].
    Refused,
}

impl Error {
    /// Which of the four kinds this is.
    pub fn class(&self) -> Class {
        match self {
            Self::Storage(_) => Class::Storage,
            Self::Unsupported(_) => Class::Unsupported,
            Self::Corrupt(_) => Class::Corrupt,
            Self::Refused(_) => Class::Refused,
        }
    }
}

/// Reading or writing failed.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum StorageError {
    /// The file could not be opened.
    #[error("opening {}: {message}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system called it.
        kind: ErrorKind,
        /// What the system said.
        message: String,
    },
    /// The system failed to transfer bytes.
    #[error("accessing the image at byte {offset}: {message}")]
    Io {
        /// First byte of the transfer.
        offset: u64,
        /// What the system called it.
        kind: ErrorKind,
        /// What the system said.
        message: String,
    },
    /// The range is not inside the storage.
    #[error("{len} bytes at byte {offset} are not inside the {size} bytes there are")]
    OutOfRange {
        /// First byte asked for.
        offset: u64,
        /// Bytes asked for.
        len: u64,
        /// Bytes there are.
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
        /// First byte asked for.
        offset: u64,
        /// Bytes asked for.
        len: u64,
    },
}
