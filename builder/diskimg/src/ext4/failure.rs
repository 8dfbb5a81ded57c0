//! Errors of the two libraries as errors of this crate.

use ext4_view::Ext4Error;
use fs_ext4::Error as EngineError;

use crate::error::{Corrupt, Error, Refused, Unsupported};

/// Returns an error of `rust-fs-ext4` about `path`.
pub(super) fn from_engine(error: EngineError, path: &str) -> Error {
    let place = || path.to_owned();
    match error {
        EngineError::Io(error) => from_boxed(error.into_inner(), path),
        EngineError::NotFound => Refused::NotFound { path: place() }.into(),
        EngineError::AlreadyExists => Refused::Exists { path: place() }.into(),
        EngineError::NotADirectory => Refused::NotADirectory { path: place() }.into(),
        EngineError::IsADirectory => Refused::NotAFile { path: place() }.into(),
        EngineError::DirectoryNotEmpty => Refused::DirectoryNotEmpty { path: place() }.into(),
        EngineError::UnsupportedIncompat(_)
        | EngineError::UnsupportedRoCompat(_)
        | EngineError::Unsupported(_)
        | EngineError::InvalidArgument(_)
        | EngineError::TooManyLinks
        | EngineError::NameTooLong => {
            let reason = error.to_string();
            let path = place();
            Unsupported::Library { path, reason }.into()
        }
        _ => {
            let reason = error.to_string();
            let path = place();
            Corrupt::Structure { path, reason }.into()
        }
    }
}

/// Returns whether the engine ran out of blocks.
pub(super) fn is_no_space(error: &EngineError) -> bool {
    match error {
        EngineError::NoSpaceLeftOnDevice => true,
        EngineError::Corrupt(reason) => reason.contains("contiguous free run"),
        _ => false,
    }
}

/// Returns whether the engine ran out of inodes.
pub(super) fn is_no_inode(error: &EngineError) -> bool {
    matches!(error, EngineError::Corrupt(reason) if reason.contains("free inode"))
}

/// Returns an error of `ext4-view` about `path`.
pub(super) fn from_view(error: Ext4Error, path: &str) -> Error {
    let place = || path.to_owned();
    match error {
        Ext4Error::Io(error) => from_boxed(Some(error), path),
        Ext4Error::NotFound => Refused::NotFound { path: place() }.into(),
        Ext4Error::NotADirectory => Refused::NotADirectory { path: place() }.into(),
        Ext4Error::IsADirectory | Ext4Error::IsASpecialFile => {
            Refused::NotAFile { path: place() }.into()
        }
        Ext4Error::NotASymlink => Refused::NotASymlink { path: place() }.into(),
        Ext4Error::TooManySymlinks => {
            let limit = 40;
            let path = place();
            Refused::SymlinkLoop { path, limit }.into()
        }
        Ext4Error::NotUtf8 => Unsupported::NameEncoding { path: place() }.into(),
        Ext4Error::Corrupt(_) => {
            let reason = error.to_string();
            let path = place();
            Corrupt::Structure { path, reason }.into()
        }
        _ => {
            let reason = error.to_string();
            let path = place();
            Unsupported::Library { path, reason }.into()
        }
    }
}

/// Returns the error of this crate that a library passed on.
fn from_boxed(error: Option<Box<dyn std::error::Error + Send + Sync>>, path: &str) -> Error {
    match error.map(<dyn std::error::Error + Send + Sync>::downcast::<Error>) {
        Some(Ok(error)) => *error,
        Some(Err(error)) => Corrupt::Structure {
            path: path.to_owned(),
            reason: error.to_string(),
        }
        .into(),
        None => Corrupt::Structure {
            path: path.to_owned(),
            reason: "input/output error".to_owned(),
        }
        .into(),
    }
}
