//! Writes FAT with `hadris-fat`.

use std::sync::Arc;

use hadris_fat::sync::FatFs;
use hadris_fs::{
    DateTime, Error as FsError, ErrorKind, FileType, MountOptions, Name, NodeId, SetAttr,
};

use super::device::FatDevice;
use super::failure::from_hadris;
use super::fs_info;
use super::gate::examine;
use crate::error::{Error, Refused, Result, Unsupported};
use crate::fs::{Attributes, Path, WriteFs};
use crate::storage::Storage;
use crate::units::{length, product};

/// 1980-01-01 to 2107-12-31 23:59:58, the range of the 16-bit date and time.
const TIMES: std::ops::RangeInclusive<i64> = 315_532_800..=4_354_819_198;

/// A FAT volume open for changes.
///
/// [`WriteFs::write_file`] keeps the directory entry of an existing file, and so the case of its name and its short
/// name. [`Attributes`] and [`WriteFs::set_attributes`] have no effect, because FAT cannot store them. New and
/// replaced files get the given time, rounded to two seconds.
pub struct FatWriter {
    fs: FatFs<FatDevice>,
    time: DateTime,
    broken: Option<Error>,
}

/// A directory and a name in it, in use or not.
type Slot<'a> = (NodeId, &'a str);

impl FatWriter {
    /// Opens the volume in `storage`, which must pass [`gate()`](super::gate()). New files get `time`, in seconds since
    /// 1970 UTC, between 1980 and 2107. Corrects wrong numbers in the `FSInfo` sector immediately.
    pub fn open(storage: Arc<dyn Storage>, time: i64) -> Result<Self> {
        let (boot, free) = examine(storage.as_ref())?;
        let refused = Refused::Time { seconds: time };
        if !TIMES.contains(&time) {
            return Err(refused.into());
        }
        let time = DateTime::from_unix_seconds(time).map_err(|_| refused)?;
        if let Some(offset) = boot.fs_info {
            fs_info::correct(storage.as_ref(), offset, free, boot.end)?;
        }
        let fs = FatFs::mount(FatDevice::new(storage), MountOptions::new())
            .map_err(|error| from_hadris(error.into_error(), "/"))?;
        Ok(Self {
            fs,
            time,
            broken: None,
        })
    }

    /// Returns the times of a new or changed file.
    fn times(&self) -> SetAttr {
        SetAttr::new()
            .with_created(self.time)
            .with_modified(self.time)
            .with_accessed(self.time)
    }

    fn folder<'a>(&mut self, path: Path<'a>) -> Result<Slot<'a>> {
        let (parents, last) = path.split()?;
        let mut here = self.fs.root();
        for name in parents {
            let next = self.lookup(here, name, path.as_str());
            self.forget(here);
            here = next?.ok_or_else(|| not_found(path.as_str()))?;
        }
        Ok((here, last))
    }

    fn lookup(&mut self, folder: NodeId, name: &str, path: &str) -> Result<Option<NodeId>> {
        match self.fs.lookup(folder, Name::new(name)) {
            Ok(node) => Ok(Some(node)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(from_hadris(error, path)),
        }
    }

    /// Releases a node. The root is never released.
    fn forget(&mut self, node: NodeId) {
        if node != self.fs.root() {
            self.fs.forget(node, 1);
        }
    }

    fn is_folder(&mut self, node: NodeId, path: &str) -> Result<bool> {
        let found = self.fs.stat(node);
        let found = found.map_err(|error| from_hadris(error, path))?;
        Ok(found.file_type() == FileType::Dir)
    }

    /// Makes a change and keeps an error in the middle of it for `finish`. An error for lack of space names `need`.
    fn change(
        &mut self,
        path: &str,
        need: u64,
        change: impl FnOnce(&mut Self) -> std::result::Result<(), FsError<Error>>,
    ) -> Result<()> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let Err(error) = change(self) else {
            return Ok(());
        };
        let refused_early = matches!(
            error.kind(),
            ErrorKind::AlreadyExists
                | ErrorKind::DirectoryNotEmpty
                | ErrorKind::InvalidInput
                | ErrorKind::NameTooLong
                | ErrorKind::IsADirectory
                | ErrorKind::NotADirectory
                | ErrorKind::NotFound
        );
        let error = match error.kind() {
            ErrorKind::NoSpace => self.no_space(path, need),
            _ => from_hadris(error, path),
        };
        if !refused_early {
            self.broken = Some(error.clone());
        }
        Err(error)
    }

    fn no_space(&mut self, path: &str, need: u64) -> Error {
        match self.fs.statfs() {
            Ok(found) => {
                let (path, free) = (path.to_owned(), found.free_bytes());
                Refused::NoSpace { path, need, free }.into()
            }
            Err(error) => from_hadris(error, path),
        }
    }

    /// Fails if `content` bytes do not fit, before anything is changed. Replacing frees `replaced` bytes.
    fn check_room(&mut self, path: &str, content: u32, replaced: u64) -> Result<()> {
        let found = self.fs.statfs();
        let found = found.map_err(|error| from_hadris(error, path))?;
        let cluster = found.block_size();
        let need = product(content.div_ceil(cluster), cluster);
        let freed = replaced.checked_next_multiple_of(cluster.into());
        let free = freed.and_then(|freed| found.free_bytes().checked_add(freed));
        let path = path.to_owned();
        match free {
            Some(free) if need <= free => Ok(()),
            Some(free) => Err(Refused::NoSpace { path, need, free }.into()),
            None => Err(Refused::FileTooLarge {
                path,
                size: replaced,
            }
            .into()),
        }
    }

    /// Returns the node and the size of an existing file. A directory is an error.
    fn existing(&mut self, (folder, name): Slot<'_>, path: &str) -> Result<Option<(NodeId, u64)>> {
        let Some(node) = self.lookup(folder, name, path)? else {
            return Ok(None);
        };
        let found = self.fs.stat(node);
        let found = found.map_err(|error| from_hadris(error, path))?;
        if found.file_type() == FileType::Dir {
            self.forget(node);
            let path = path.to_owned();
            return Err(Refused::NotAFile { path }.into());
        }
        Ok(Some((node, found.len())))
    }

    fn fill(&mut self, node: NodeId, content: &[u8]) -> std::result::Result<(), FsError<Error>> {
        self.fs.truncate(node, 0)?;
        let mut rest = content;
        while !rest.is_empty() {
            let offset = length(content).abs_diff(length(rest));
            let count = self.fs.write(node, offset, rest)?;
            rest = rest.split_at(count).1;
        }
        self.fs.fsync(node)?;
        let times = self.times();
        self.fs.setattr(node, &times)
    }
}

impl std::fmt::Debug for FatWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "fat::FatWriter on {:?}", self.fs)
    }
}

impl WriteFs for FatWriter {
    fn make_directory(&mut self, path: &str, _: Attributes) -> Result<()> {
        let (folder, name) = self.folder(Path::new(path)?)?;
        self.check_room(path, 1, 0)?;
        let times = self.times();
        self.change(path, 1, |writer| {
            let node = writer.fs.mkdir(folder, Name::new(name), &times)?;
            writer.forget(node);
            writer.forget(folder);
            Ok(())
        })
    }

    fn write_file(&mut self, path: &str, content: &[u8], _: Attributes) -> Result<()> {
        let Ok(size) = u32::try_from(content.len()) else {
            let (path, size) = (path.to_owned(), length(content));
            return Err(Refused::FileTooLarge { path, size }.into());
        };
        let (folder, name) = self.folder(Path::new(path)?)?;
        let existing = self.existing((folder, name), path)?;
        self.check_room(path, size, existing.map_or(0, |(_, size)| size))?;
        let times = self.times();
        self.change(path, size.into(), |writer| {
            let node = match existing {
                Some((node, _)) => node,
                None => writer.fs.create(folder, Name::new(name), &times)?,
            };
            writer.fill(node, content)?;
            writer.forget(node);
            writer.forget(folder);
            Ok(())
        })
    }

    fn make_symlink(&mut self, path: &str, _: &str) -> Result<()> {
        let path = path.to_owned();
        Err(Unsupported::FatSymlink { path }.into())
    }

    fn remove(&mut self, path: &str) -> Result<()> {
        let (folder, name) = self.folder(Path::new(path)?)?;
        let node = self
            .lookup(folder, name, path)?
            .ok_or_else(|| not_found(path))?;
        let is_folder = self.is_folder(node, path);
        self.forget(node);
        let is_folder = is_folder?;
        self.change(path, 0, |writer| {
            let name = Name::new(name);
            if is_folder {
                writer.fs.rmdir(folder, name)?;
            } else {
                writer.fs.unlink(folder, name)?;
            }
            writer.forget(folder);
            Ok(())
        })
    }

    /// Checks that the file exists. FAT stores no attributes.
    fn set_attributes(&mut self, path: &str, _: Attributes) -> Result<()> {
        let checked = Path::new(path)?;
        if checked.names().next().is_none() {
            return Ok(());
        }
        let (folder, name) = self.folder(checked)?;
        let found = self.lookup(folder, name, path)?;
        found
            .map(|node| self.forget(node))
            .ok_or_else(|| not_found(path))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.fs
            .unmount()
            .map(drop)
            .map_err(|error| from_hadris(error.into_error(), "/"))
    }
}

fn not_found(path: &str) -> Error {
    let path = path.to_owned();
    Refused::NotFound { path }.into()
}
