//! Reads FAT with `fatfs`.

use std::io::Read;
use std::sync::Arc;

use fatfs::{Dir, DirEntry, FileAttributes, FileSystem, FsOptions};

use super::failure::from_fatfs;
use super::gate::examine_for_reading;
use crate::error::{Corrupt, Refused, Result, Unsupported};
use crate::fs::{FileKind, Metadata, Path, ReadFs, same_content};
use crate::storage::{Storage, Stream};
use crate::units::length;

/// The most entries of a directory, by the specification.
const MOST_ENTRIES: u32 = 65_536;

/// A FAT volume open for reading, clean or not. Names are matched without regard to case.
pub struct FatReader {
    fs: FileSystem<Stream>,
    size: u64,
    free: u64,
    label: String,
    serial: u32,
}

impl FatReader {
    /// Opens the volume in `storage` after checking its boot sector and that its chains end.
    pub fn open(storage: Arc<dyn Storage>) -> Result<Self> {
        let (boot, free) = examine_for_reading(storage.as_ref())?;
        let size = storage.size();
        let stream = Stream::new(storage);
        let fs = FileSystem::new(stream, FsOptions::new().update_accessed_date(false))
            .map_err(|error| from_fatfs(error, "/"))?;
        let free = boot.bytes(free);
        // Like other readers, prefer the entry in the root directory to the copy in the boot sector.
        let label = fs
            .read_volume_label_from_root_dir()
            .map_err(|error| from_fatfs(error, "/"))?
            .unwrap_or(boot.label);
        let serial = boot.serial;
        Ok(Self {
            fs,
            size,
            free,
            label: label.trim_end().to_owned(),
            serial,
        })
    }

    /// Returns the directory that contains the last component, and that component.
    fn folder<'a>(&self, path: Path<'a>) -> Result<(Dir<'_, Stream>, &'a str)> {
        let (parents, last) = path.split()?;
        let mut here = self.fs.root_dir();
        for name in parents {
            let found = entry(&here, name, path.as_str())?;
            let found = found.ok_or_else(|| not_found(path.as_str()))?;
            if !found.is_dir() {
                let path = path.as_str().to_owned();
                return Err(Refused::NotADirectory { path }.into());
            }
            here = found.to_dir();
        }
        Ok((here, last))
    }

    fn file(&self, path: &str) -> Result<DirEntry<'_, Stream>> {
        let entry = self.entry(path)?.ok_or_else(|| not_found(path))?;
        match entry.is_dir() {
            true => Err(Refused::NotAFile {
                path: path.to_owned(),
            }
            .into()),
            false => Ok(entry),
        }
    }

    fn entry(&self, path: &str) -> Result<Option<DirEntry<'_, Stream>>> {
        match self.folder(Path::new(path)?) {
            Ok((folder, name)) => entry(&folder, name, path),
            Err(crate::Error::Refused(
                Refused::NotFound { .. } | Refused::NotADirectory { .. },
            )) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl std::fmt::Debug for FatReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "fat::FatReader on {} bytes", self.size)
    }
}

impl ReadFs for FatReader {
    fn metadata(&mut self, path: &str) -> Result<Option<Metadata>> {
        if Path::new(path)?.names().next().is_none() {
            return Ok(Some(root()));
        }
        Ok(self.entry(path)?.as_ref().map(metadata))
    }

    fn read(&mut self, path: &str) -> Result<Vec<u8>> {
        let entry = self.file(path)?;
        let (path, size) = (path.to_owned(), entry.len());
        if size > self.size {
            return Err(Unsupported::SparseFile { path, size }.into());
        }
        let mut content = vec![];
        let read = entry.to_file().read_to_end(&mut content);
        read.map_err(|error| from_fatfs(error, &path))?;
        if length(&content) < size {
            let reason = "its cluster chain is shorter than its size".to_owned();
            return Err(Corrupt::Structure { path, reason }.into());
        }
        Ok(content)
    }

    fn has_content(&mut self, path: &str, content: &[u8]) -> Result<bool> {
        let entry = self.file(path)?;
        if entry.len() != length(content) {
            return Ok(false);
        }
        let mut file = entry.to_file();
        same_content(content, |buffer| {
            file.read(buffer).map_err(|error| from_fatfs(error, path))
        })
    }

    fn read_link(&mut self, path: &str) -> Result<String> {
        let path = path.to_owned();
        Err(Refused::NotASymlink { path }.into())
    }

    fn read_dir(&mut self, path: &str) -> Result<Vec<String>> {
        let checked = Path::new(path)?;
        let folder = if checked.names().next().is_none() {
            self.fs.root_dir()
        } else {
            match self.entry(path)? {
                Some(entry) if entry.is_dir() => entry.to_dir(),
                Some(_) => {
                    return Err(Refused::NotADirectory {
                        path: path.to_owned(),
                    }
                    .into());
                }
                None => return Err(not_found(path)),
            }
        };
        let mut names = vec![];
        for entry in entries(&folder, path) {
            let name = entry?.file_name();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn free_bytes(&mut self) -> Result<u64> {
        Ok(self.free)
    }

    fn free_files(&mut self) -> Result<Option<u32>> {
        Ok(None)
    }

    fn label(&self) -> &str {
        &self.label
    }

    fn uuid(&self) -> String {
        format!("{:04X}-{:04X}", self.serial >> 16, self.serial & 0xffff)
    }
}

/// Returns the entries of a directory, and an error instead of the first one too many.
fn entries<'a>(
    folder: &Dir<'a, Stream>,
    path: &str,
) -> impl Iterator<Item = Result<DirEntry<'a, Stream>>> {
    let too_many = || Corrupt::DirectoryTooLarge {
        path: path.to_owned(),
        limit: MOST_ENTRIES,
    };
    (0..=MOST_ENTRIES)
        .zip(folder.iter())
        .map(move |(index, entry)| match entry {
            Ok(_) if index == MOST_ENTRIES => Err(too_many().into()),
            Ok(entry) => Ok(entry),
            Err(error) => Err(from_fatfs(error, path)),
        })
}

/// Returns the entry whose long or short name is `name`.
fn entry<'a>(
    folder: &Dir<'a, Stream>,
    name: &str,
    path: &str,
) -> Result<Option<DirEntry<'a, Stream>>> {
    let wanted = name.to_uppercase();
    for entry in entries(folder, path) {
        let entry = entry?;
        let is_it = |found: &str| found.to_uppercase() == wanted;
        if is_it(&entry.file_name()) || is_it(&entry.short_file_name()) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

fn not_found(path: &str) -> crate::Error {
    let path = path.to_owned();
    Refused::NotFound { path }.into()
}

fn root() -> Metadata {
    Metadata {
        kind: FileKind::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
        size: 0,
    }
}

fn metadata(entry: &DirEntry<'_, Stream>) -> Metadata {
    let read_only = entry.attributes().contains(FileAttributes::READ_ONLY);
    Metadata {
        kind: if entry.is_dir() {
            FileKind::Directory
        } else {
            FileKind::File
        },
        mode: if read_only { 0o555 } else { 0o755 },
        uid: 0,
        gid: 0,
        size: entry.len(),
    }
}
