//! Reads ext4 with `ext4-view`.

use std::sync::Arc;

use ext4_view::{Ext4, Ext4Error, Ext4Read, FileType};

use super::failure::from_view;
use super::superblock::Superblock;
use crate::error::{Corrupt, Refused, Result, Unsupported};
use crate::fs::{FileKind, Metadata, Path, ReadFs, same_content};
use crate::storage::Storage;
use crate::units::length;

/// The most entries of a directory that are read. `rust-fs-ext4` has the same limit.
const MOST_ENTRIES: u32 = 1_000_000;

/// An ext4 file system open for reading. A journal that needs recovery is replayed in memory.
pub struct Ext4Reader {
    ext4: Ext4,
    storage: Arc<dyn Storage>,
    label: String,
    uuid: [u8; 16],
}

impl Ext4Reader {
    /// Opens the file system in `storage`. Unlike an [`Ext4Writer`](super::Ext4Writer) it accepts one that is not clean.
    pub fn open(storage: Arc<dyn Storage>) -> Result<Self> {
        let superblock = Superblock::read(storage.as_ref())?;
        let source = Box::new(Ext4Source(storage.clone()));
        let ext4 = Ext4::load(source).map_err(|error| from_view(error, "/"))?;
        Ok(Self {
            ext4,
            storage,
            label: superblock.label,
            uuid: superblock.uuid,
        })
    }

    /// Returns the metadata of the file at `path`. Any type other than `right` is the error `wrong`.
    fn expect(
        &mut self,
        path: &str,
        right: FileKind,
        wrong: fn(String) -> Refused,
    ) -> Result<Metadata> {
        match self.metadata(path)? {
            Some(metadata) if metadata.kind == right => Ok(metadata),
            Some(_) => Err(wrong(path.to_owned()).into()),
            None => Err(Refused::NotFound {
                path: path.to_owned(),
            }
            .into()),
        }
    }
}

impl std::fmt::Debug for Ext4Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ext4::Ext4Reader on {:?}", self.storage)
    }
}

impl ReadFs for Ext4Reader {
    fn metadata(&mut self, path: &str) -> Result<Option<Metadata>> {
        Path::new(path)?;
        match self.ext4.symlink_metadata(path) {
            Ok(found) => Ok(Some(metadata(&found))),
            Err(Ext4Error::NotFound | Ext4Error::NotADirectory) => Ok(None),
            Err(error) => Err(from_view(error, path)),
        }
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>> {
        let found = self.expect(path, FileKind::File, |path| Refused::NotAFile { path })?;
        if found.size > self.storage.size() {
            let (path, size) = (path.to_owned(), found.size);
            return Err(Unsupported::SparseFile { path, size }.into());
        }
        self.ext4.read(path).map_err(|error| from_view(error, path))
    }

    fn has_content(&mut self, path: &str, content: &[u8]) -> Result<bool> {
        let found = self.expect(path, FileKind::File, |path| Refused::NotAFile { path })?;
        if found.size != length(content) {
            return Ok(false);
        }
        let view = |error| from_view(error, path);
        let mut file = self.ext4.open(path).map_err(view)?;
        same_content(content, |buffer| file.read_bytes(buffer).map_err(view))
    }

    fn read_link(&mut self, path: &str) -> Result<String> {
        self.expect(path, FileKind::Symlink, |path| Refused::NotASymlink {
            path,
        })?;
        let target = self
            .ext4
            .read_link(path)
            .map_err(|error| from_view(error, path))?;
        let text = target.to_str().map(str::to_owned);
        text.map_err(|_| name_encoding(path))
    }

    fn read_dir(&mut self, path: &str) -> Result<Vec<String>> {
        self.expect(path, FileKind::Directory, |path| Refused::NotADirectory {
            path,
        })?;
        let view = |error| from_view(error, path);
        let mut names = vec![];
        for (count, entry) in (0_u32..).zip(self.ext4.read_dir(path).map_err(view)?) {
            if count >= MOST_ENTRIES {
                let (path, limit) = (path.to_owned(), MOST_ENTRIES);
                return Err(Corrupt::DirectoryTooLarge { path, limit }.into());
            }
            let entry = entry.map_err(view)?;
            match entry.file_name().as_str() {
                Ok("." | "..") => {}
                Ok(name) => names.push(name.to_owned()),
                Err(_) => return Err(name_encoding(path)),
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn free_bytes(&mut self) -> Result<u64> {
        let superblock = Superblock::read(self.storage.as_ref())?;
        superblock.free_bytes()
    }

    fn free_files(&mut self) -> Result<Option<u32>> {
        let superblock = Superblock::read(self.storage.as_ref())?;
        Ok(Some(superblock.free_inodes_count))
    }

    fn label(&self) -> &str {
        &self.label
    }

    fn uuid(&self) -> String {
        let digits = format!("{:032x}", u128::from_be_bytes(self.uuid));
        let mut text = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if matches!(index, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            text.push(digit);
        }
        text
    }
}

fn name_encoding(path: &str) -> crate::Error {
    let path = path.to_owned();
    Unsupported::NameEncoding { path }.into()
}

fn metadata(found: &ext4_view::Metadata) -> Metadata {
    Metadata {
        kind: match found.file_type() {
            FileType::Regular => FileKind::File,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::Symlink,
            _ => FileKind::Other,
        },
        mode: found.mode() & 0o7777,
        uid: found.uid(),
        gid: found.gid(),
        size: found.len(),
    }
}

/// The storage as `ext4-view` reads it.
struct Ext4Source(Arc<dyn Storage>);

impl Ext4Read for Ext4Source {
    fn read(
        &mut self,
        offset: u64,
        buf: &mut [u8],
    ) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.read_at(offset, buf).map_err(Into::into)
    }
}
