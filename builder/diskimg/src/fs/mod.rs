//! What FAT and ext4 have in common: attributes, reading, writing, paths.
//!
//! Paths are absolute and UTF-8, with `/` between names. A symbolic link in the last component is not followed; links
//! before it are followed (`/lib/x` with `/lib -> usr/lib`). Absolute targets start at the root of the file system.

mod path;
mod resolve;

use crate::error::Result;
pub(crate) use path::Path;
pub(crate) use resolve::{DirectoryTree, find, parent};

/// The type of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a pipe or a socket.
    Other,
}

/// The properties of a file apart from its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// The type.
    pub kind: FileKind,
    /// The twelve permission bits, including setuid, setgid and sticky. On FAT 0o755, or 0o555 for a read-only file.
    pub mode: u16,
    /// The numeric user id of the owner. On FAT 0.
    pub uid: u32,
    /// The numeric group id. On FAT 0.
    pub gid: u32,
    /// The length of the content in bytes; of a symbolic link the length of its target.
    pub size: u64,
}

/// The attributes that a writer sets on a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// The twelve permission bits. Any other bit is [`Refused::Mode`](crate::Refused::Mode).
    pub mode: u16,
    /// The numeric user id of the owner, at most 4294967294.
    pub uid: u32,
    /// The numeric group id, at most 4294967294.
    pub gid: u32,
}

/// A file system that can be read.
pub trait ReadFs {
    /// Returns the metadata of the file at `path`, or `None` if there is none or if a component before the last is
    /// not a directory. A symbolic link in the last component is not followed.
    fn metadata(&mut self, path: &str) -> Result<Option<Metadata>>;

    /// Returns the content of the regular file at `path`.
    fn read(&mut self, path: &str) -> Result<Vec<u8>>;

    /// Returns whether the regular file at `path` has this content, without holding the file's content in memory.
    fn has_content(&mut self, path: &str, content: &[u8]) -> Result<bool>;

    /// Returns the target of the symbolic link at `path`.
    fn read_link(&mut self, path: &str) -> Result<String>;

    /// Returns the names in the directory at `path` in ascending order, without `.` and `..`.
    fn read_dir(&mut self, path: &str) -> Result<Vec<String>>;

    /// Returns the size of the free blocks or clusters in bytes, including the blocks that ext4 reserves for root.
    fn free_bytes(&mut self) -> Result<u64>;

    /// Returns the number of files that can still be created, or `None` where only the free space limits it.
    fn free_files(&mut self) -> Result<Option<u32>>;

    /// Returns the label: on FAT `NO NAME` if there is none, on ext4 an empty one.
    fn label(&self) -> &str;

    /// Returns the UUID as Linux spells it: on FAT the serial number, e.g. `B2F0-82D2`, on ext4 hyphenated lower case.
    fn uuid(&self) -> String;

    /// Returns the content of the file at `path` as text, with invalid UTF-8 replaced, or `None` if there is no file.
    fn read_text(&mut self, path: &str) -> Result<Option<String>> {
        match self.metadata(path)? {
            None => Ok(None),
            Some(_) => Ok(Some(
                String::from_utf8_lossy(&self.read(path)?).into_owned(),
            )),
        }
    }
}

/// The number of bytes that [`same_content`] reads at a time.
const COMPARED: usize = 64 << 10;

/// Returns whether `read`, which fills a part of its buffer and returns the number of bytes, yields exactly `content`.
pub(crate) fn same_content(
    mut content: &[u8],
    mut read: impl FnMut(&mut [u8]) -> Result<usize>,
) -> Result<bool> {
    let mut buffer = vec![0; COMPARED];
    loop {
        let count = read(&mut buffer)?;
        if count == 0 {
            return Ok(content.is_empty());
        }
        let found = buffer.get(..count);
        match found.and_then(|found| content.strip_prefix(found)) {
            Some(rest) => content = rest,
            None => return Ok(false),
        }
    }
}

/// A file system that can be changed.
///
/// Each call changes the storage immediately. Use a [`CowStorage`](crate::CowStorage) and discard it after an error.
///
/// **Invariant**: after a change failed in the middle, `finish` fails with the same error, so that an incomplete
/// file system is never used. A request that was refused before it changed a byte, such as for a missing path, does
/// not count.
pub trait WriteFs {
    /// Creates a directory. Its parent must exist, and its name must be free.
    fn make_directory(&mut self, path: &str, attributes: Attributes) -> Result<()>;

    /// Creates a regular file, or replaces anything but a directory.
    fn write_file(&mut self, path: &str, content: &[u8], attributes: Attributes) -> Result<()>;

    /// Creates a symbolic link that belongs to root. Its name must be free.
    fn make_symlink(&mut self, path: &str, target: &str) -> Result<()>;

    /// Removes a file, a symbolic link or an empty directory.
    fn remove(&mut self, path: &str) -> Result<()>;

    /// Sets the permissions and the owner of the file at `path`. A symbolic link has no permissions; only its owner is
    /// set.
    fn set_attributes(&mut self, path: &str, attributes: Attributes) -> Result<()>;

    /// Writes what is still buffered. Without this call the file system is incomplete.
    fn finish(self: Box<Self>) -> Result<()>;
}
