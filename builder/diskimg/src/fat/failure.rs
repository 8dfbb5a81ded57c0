//! Errors of the two libraries as errors of this crate.

use hadris_fs::{Error as FsError, ErrorKind};

use crate::error::{Corrupt, Error, Refused, Unsupported};

/// Returns an error of `hadris-fat` about `path`. The writer handles lack of space, where the numbers are known.
pub(super) fn from_hadris(error: FsError<Error>, path: &str) -> Error {
    let place = || path.to_owned();
    let (kind, reason) = (error.kind(), error.to_string());
    if let Some(error) = error.into_device_error() {
        return error;
    }
    match kind {
        ErrorKind::NotFound => Refused::NotFound { path: place() }.into(),
        ErrorKind::AlreadyExists => Refused::Exists { path: place() }.into(),
        ErrorKind::NotADirectory => Refused::NotADirectory { path: place() }.into(),
        ErrorKind::IsADirectory => Refused::NotAFile { path: place() }.into(),
        ErrorKind::DirectoryNotEmpty => Refused::DirectoryNotEmpty { path: place() }.into(),
        ErrorKind::InvalidInput | ErrorKind::NameTooLong => {
            let reason = "is not a valid name on FAT";
            let path = place();
            Refused::Path { path, reason }.into()
        }
        ErrorKind::Corrupt | ErrorKind::NotRecognized | ErrorKind::Io => {
            let path = place();
            Corrupt::Structure { path, reason }.into()
        }
        _ => {
            let path = place();
            Unsupported::Library { path, reason }.into()
        }
    }
}

/// Returns an error of `fatfs` about `path`.
pub(super) fn from_fatfs(error: std::io::Error, path: &str) -> Error {
    use std::io::ErrorKind as Io;
    let place = || path.to_owned();
    let (kind, reason) = (error.kind(), error.to_string());
    if let Some(inner) = error.into_inner()
        && let Ok(error) = inner.downcast::<Error>()
    {
        return *error;
    }
    let path = place();
    match kind {
        Io::NotFound => Refused::NotFound { path }.into(),
        _ => Corrupt::Structure { path, reason }.into(),
    }
}
