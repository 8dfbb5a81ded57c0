//! Writing, on `hadris-fat`.

use std::sync::Arc;

use hadris_fat::sync::FatFs;
use hadris_fs::{
    DateTime, Error as FsError, ErrorKind, FileType, MountOptions, Name, NodeId, SetAttr,
};

use super::device::Device;
use super::failure::from_hadris;
use super::gate::examine;
use super::info;
use crate::bytes::len_u64;
use crate::error::{Error, Refused, Result, Unsupported};
use crate::fs::{Attributes, Path, WriteFs};
use crate::storage::Storage;

/// FAT stores the size of a file in 32 bits.
const LARGEST_FILE: u64 = 0xFFFF_FFFF;
/// 1980-01-01 and 2107-12-31 23:59:58: what the 16-bit date and time can say.
const TIMES: std::ops::RangeInclusive<i64> = 315_532_800..=4_354_819_198;

/// A FAT volume open for changes.
///
/// [`WriteFs::write_file`] on something that exists keeps its directory entry, so its name keeps its case and its
/// short name. [`Attributes`] and [`WriteFs::set_attributes`] have no effect: FAT cannot store them. Times of what is
/// made or replaced are the given one, to two seconds.
pub struct Writer {
    fs: FatFs<Device>,
    time: DateTime,
    broken: Option<Error>,
}

/// A place where something is or may be: the folder, the name in it.
type Place<'a> = (NodeId, &'a str);

impl Writer {
    /// Opens the volume in `storage` after [`gate()`](super::gate()) let it pass; `time` in seconds since 1970 UTC is
    /// what files get. Wrong counts in the `FSInfo` sector are corrected at once.
    pub fn open(storage: Arc<dyn Storage>, time: i64) -> Result<Self> {
        let (boot, free) = examine(storage.as_ref())?;
        let refused = Refused::Time { seconds: time };
        if !TIMES.contains(&time) {
            return Err(refused.into());
        }
        let time = DateTime::from_unix_seconds(time).map_err(|_| refused)?;
        if let Some(offset) = boot.info {
            let end = boot.clusters.saturating_add(2);
            info::correct(storage.as_ref(), offset, free, end)?;
        }
        let fs = FatFs::mount(Device::new(storage), MountOptions::new())
            .map_err(|error| from_hadris(error.into_error(), "/"))?;
        Ok(Self {
            fs,
            time,
            broken: None,
        })
    }

    /// The times of something new or changed.
    fn times(&self) -> SetAttr {
        SetAttr::new()
            .with_created(self.time)
            .with_modified(self.time)
            .with_accessed(self.time)
    }

    fn folder<'a>(&mut self, path: Path<'a>) -> Result<Place<'a>> {
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

    /// Lets go of a node; the root is always there.
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

    /// Runs a change; a failure in the middle of it is remembered. `need` bytes are named when there is no room.
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
        let free = self.fs.statfs().map_or(0, |found| found.free_bytes());
        let path = path.to_owned();
        Refused::NoSpace { path, need, free }.into()
    }

    /// Refuses content that will not fit, before anything is changed. `freed` bytes become free on the way.
    fn check_room(&mut self, path: &str, content: u64, freed: u64) -> Result<()> {
        let found = self.fs.statfs();
        let found = found.map_err(|error| from_hadris(error, path))?;
        let cluster = u64::from(found.block_size()).max(1);
        let whole = |bytes: u64| bytes.div_ceil(cluster).saturating_mul(cluster);
        let (need, free) = (
            whole(content),
            found.free_bytes().saturating_add(whole(freed)),
        );
        if need <= free {
            return Ok(());
        }
        let path = path.to_owned();
        Err(Refused::NoSpace { path, need, free }.into())
    }

    /// The size of the file that is there, if any; refused when it is a folder.
    fn existing(&mut self, (folder, name): Place<'_>, path: &str) -> Result<Option<(NodeId, u64)>> {
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
        let mut offset = 0_u64;
        while !rest.is_empty() {
            let count = self.fs.write(node, offset, rest)?;
            rest = rest.get(count..).unwrap_or_default();
            offset = offset.saturating_add(u64::try_from(count).unwrap_or(0));
        }
        self.fs.fsync(node)?;
        let times = self.times();
        self.fs.setattr(node, &times)
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "fat::Writer on {:?}", self.fs)
    }
}

impl WriteFs for Writer {
    fn make_folder(&mut self, path: &str, _: Attributes) -> Result<()> {
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
        let size = len_u64(content);
        if size > LARGEST_FILE {
            let path = path.to_owned();
            return Err(Refused::FileTooLarge { path, size }.into());
        }
        let (folder, name) = self.folder(Path::new(path)?)?;
        let existing = self.existing((folder, name), path)?;
        self.check_room(path, size, existing.map_or(0, |(_, size)| size))?;
        let times = self.times();
        self.change(path, size, |writer| {
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

    /// Checks that something is there, and nothing else: FAT stores no attributes.
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

    fn free_bytes(&mut self) -> Result<u64> {
        let found = self.fs.statfs();
        Ok(found.map_err(|error| from_hadris(error, "/"))?.free_bytes())
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
