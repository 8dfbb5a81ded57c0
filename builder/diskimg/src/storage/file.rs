//! A read-only file.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::Path;

use super::{Storage, check_buffer};
use crate::error::{Refused, Result, StorageError};

/// A file opened for reading. Threads can share it, because each read carries its own position.
///
/// **Invariant**: the file is opened without write access, so the operating system rejects a write attempted by
/// mistake.
#[derive(Debug)]
pub struct ReadOnlyFile {
    file: File,
    size: u64,
}

impl ReadOnlyFile {
    /// Opens `path`, a file or a disk. Its length at this moment is the size of the storage.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |error: &io::Error| StorageError::Open {
            path: path.to_path_buf(),
            kind: error.kind(),
            message: error.to_string(),
        };
        let file = File::open(path).map_err(|error| failed(&error))?;
        Self::new(file).map_err(|error| failed(&error).into())
    }

    /// Wraps a file that is open for reading.
    pub fn new(file: File) -> io::Result<Self> {
        // The metadata of a disk has no length.
        let size = (&file).seek(SeekFrom::End(0))?;
        Ok(Self { file, size })
    }

    /// Returns the open file.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Storage for ReadOnlyFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        check_buffer(offset, buf, self.size)?;
        read_exact_at(&self.file, offset, buf).map_err(|error| {
            StorageError::Io {
                offset,
                kind: error.kind(),
                message: error.to_string(),
            }
            .into()
        })
    }

    fn write_at(&self, offset: u64, _: &[u8]) -> Result<()> {
        Err(Refused::ReadOnly { offset }.into())
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, offset: u64, buf: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buf, offset)
}

/// Also moves the position of the file, which nothing uses.
#[cfg(windows)]
fn read_exact_at(file: &File, mut offset: u64, mut buf: &mut [u8]) -> io::Result<()> {
    while !buf.is_empty() {
        let count = std::os::windows::fs::FileExt::seek_read(file, buf, offset)?;
        let (read, rest) = buf.split_at_mut(count);
        if read.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let next = offset.checked_add(crate::units::length(read));
        offset = next.ok_or(io::ErrorKind::UnexpectedEof)?;
        buf = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::ReadOnlyFile;
    use crate::error::{Error, Refused, StorageError};
    use crate::storage::Storage;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test makes its own files")]
    fn reads_but_never_writes() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"0123456789").unwrap();
        let storage = ReadOnlyFile::open(file.path()).unwrap();
        let mut read = [0; 3];
        storage.read_at(7, &mut read).unwrap();
        assert_eq!((storage.size(), &read), (10, b"789"));
        let refused = Err(Error::Refused(Refused::ReadOnly { offset: 3 }));
        assert_eq!(storage.write_at(3, b"x"), refused);
    }

    #[test]
    fn names_the_file_it_cannot_open() {
        let path = std::path::Path::new("no-such-folder/no-such-image");
        let error = ReadOnlyFile::open(path).unwrap_err();
        let Error::Storage(StorageError::Open { path: named, .. }) = error else {
            unreachable!("{error}");
        };
        assert_eq!(named, path);
    }
}
