//! What the file systems share: attributes, reading, writing, paths.
//!
//! Paths are absolute, `/`-separated UTF-8. The last component is never followed when it is a symbolic link; links
//! before it are (`/lib/x` with `/lib -> usr/lib`), absolute targets start at the root of the file system.

mod path;
mod resolve;

use crate::error::Result;
pub(crate) use path::Path;
pub(crate) use resolve::{Tree, find, parent};

/// What something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A device, a pipe or a socket.
    Other,
}

/// What is known about something besides its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// The twelve permission bits, setuid, setgid and sticky included. On FAT 0o755 or 0o555 (read-only).
    pub mode: u16,
    /// Owner. On FAT 0.
    pub uid: u32,
    /// Group. On FAT 0.
    pub gid: u32,
    /// Content in bytes; of a symbolic link the length of its target.
    pub size: u64,
}

/// What a writer sets on what it makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// The twelve permission bits; any other bit is refused.
    pub mode: u16,
    /// Owner, up to 4294967294.
    pub uid: u32,
    /// Group, up to 4294967294.
    pub gid: u32,
}

/// A file system that can be looked at.
pub trait ReadFs {
    /// What is at `path`, or `None`; the last component is not followed. A file where a folder should be in the
    /// middle of the path means `None`, too.
    fn metadata(&mut self, path: &str) -> Result<Option<Metadata>>;

    /// The content of the file at `path`.
    fn read(&mut self, path: &str) -> Result<Vec<u8>>;

    /// The target of the symbolic link at `path`.
    fn read_link(&mut self, path: &str) -> Result<String>;

    /// The names in the folder at `path`, sorted, without `.` and `..`.
    fn read_dir(&mut self, path: &str) -> Result<Vec<String>>;

    /// Bytes in free blocks or clusters; on ext4 those reserved for root are counted.
    fn free_bytes(&mut self) -> Result<u64>;
}

/// A file system that can be changed.
///
/// The storage is changed at once; put it on an [`CowStorage`](crate::CowStorage) and throw that away after an error.
/// **Invariant**: once a change failed half-way, `finish` fails with the same error, so that a broken copy is not
/// taken for a finished one. Refusals found before the first byte changed (a path that is not there, no space) do
/// not count.
pub trait WriteFs {
    /// Makes a folder; its parent must exist and its name must be free.
    fn make_folder(&mut self, path: &str, attributes: Attributes) -> Result<()>;

    /// Makes the file, or replaces what is there, unless it is a folder.
    fn write_file(&mut self, path: &str, content: &[u8], attributes: Attributes) -> Result<()>;

    /// Makes a symbolic link owned by root; its name must be free.
    fn make_symlink(&mut self, path: &str, target: &str) -> Result<()>;

    /// Removes a file, a symbolic link or an empty folder.
    fn remove(&mut self, path: &str) -> Result<()>;

    /// Sets permissions and owner of what is there. A symbolic link has no permissions of its own: only its owner
    /// changes.
    fn set_attributes(&mut self, path: &str, attributes: Attributes) -> Result<()>;

    /// Writes what is still held back. Without it the file system is not finished.
    fn finish(self: Box<Self>) -> Result<()>;
}
