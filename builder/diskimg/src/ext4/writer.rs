//! Writes ext4 with `rust-fs-ext4`.

use std::sync::Arc;

use fs_ext4::Filesystem;
use fs_ext4::inode::Inode;

use super::clock::{Clock, FixedRuntime};
use super::device::Ext4Device;
use super::failure::from_engine;
use super::gate::gate;
use super::room::{self, Freed};
use super::superblock::Superblock;
use crate::error::{Error, Refused, Result};
use crate::fs::{Attributes, DirectoryTree, FileKind, Path, WriteFs, find, parent};
use crate::storage::Storage;
use crate::units::length;

/// The most bytes written at a time. The engine keeps several copies of them in memory.
const PIECE: usize = 4 << 20;
/// The permission bits of a mode.
const PERMISSIONS: u16 = 0o7777;

/// An ext4 file system open for changes.
///
/// [`WriteFs::write_file`] removes an existing file and creates a new one: other hard links keep the old content, and
/// the new file does not inherit extended attributes (capabilities, ACLs). A change of a directory's entries sets its
/// modification time to the clock's. The inodes of other files keep every byte. Owner and mode are exactly those
/// given; setgid directories and default ACLs are ignored.
pub struct Ext4Writer {
    pub(super) fs: Filesystem,
    device: Arc<Ext4Device>,
    time: i64,
    broken: Option<Error>,
}

impl Ext4Writer {
    /// Opens the file system in `storage`, which must pass [`gate()`] and have an empty journal. Changes nothing.
    ///
    /// The time of `clock` must be between 1970 and 2106.
    pub fn open(storage: Arc<dyn Storage>, clock: Clock) -> Result<Self> {
        gate(storage.as_ref())?;
        let seconds = clock.time;
        if !(0..=i64::from(u32::MAX)).contains(&seconds) {
            return Err(Refused::Time { seconds }.into());
        }
        let device = Arc::new(Ext4Device::new(storage));
        check_journal(&device)?;
        let fs = Filesystem::mount_with_runtime(device.clone(), Arc::new(FixedRuntime::new(clock)))
            .map_err(|error| from_engine(error, "/"))?;
        device
            .hide_journal(&fs)
            .map_err(|error| from_engine(error, "/"))?;
        Ok(Self {
            fs,
            device,
            time: clock.time,
            broken: None,
        })
    }

    fn check_room(&self, path: &str, content: u64, freed: Freed) -> Result<()> {
        room::check_room(&self.superblock()?, path, content, freed)
    }

    fn failed(&self, error: fs_ext4::Error, path: &str, need: u64) -> Error {
        room::explain(error, || self.superblock(), path, need)
    }

    pub(super) fn superblock(&self) -> Result<Superblock> {
        Superblock::read(self.device.storage())
    }

    pub(super) fn inode(&self, number: u32, path: &str) -> Result<Inode> {
        self.fs
            .stat_ino(number)
            .map_err(|error| from_engine(error, path))
    }

    /// Makes a change and keeps its error for `finish`.
    fn change<T>(&mut self, change: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        let done = change(self);
        if let Err(error) = &done {
            self.broken = Some(error.clone());
        }
        done
    }

    /// Returns the parent and the name of a new file. Fails if the name is in use.
    fn free_place<'a>(&self, path: Path<'a>) -> Result<(u32, &'a str)> {
        let (folder, name) = parent(self, path)?;
        match self.child(folder, name, path.as_str())? {
            None => Ok((folder, name)),
            Some(_) => Err(exists(path.as_str())),
        }
    }

    /// Returns the type of the file with a name, if it exists, and the space that its removal frees.
    fn existing(&self, folder: u32, name: &str, path: &str) -> Result<(Option<FileKind>, Freed)> {
        let Some(old) = self.child(folder, name, path)? else {
            return Ok((None, Freed::default()));
        };
        let freed = Freed::by(&self.inode(old, path)?);
        Ok((Some(self.kind(old, path)?), freed))
    }

    fn attributes(&self, inode: u32, path: &str, attributes: Attributes) -> Result<()> {
        let failed = |error| self.failed(error, path, 0);
        let fs = &self.fs;
        fs.apply_chown_ino(inode, attributes.uid, attributes.gid)
            .map_err(failed)?;
        if self.kind(inode, path)? != FileKind::Symlink {
            fs.apply_chmod_ino(inode, attributes.mode).map_err(failed)?;
        }
        Ok(())
    }

    /// Sets the modification time of a directory whose entries changed.
    fn touch(&self, folder: u32, path: &str) -> Result<()> {
        self.fs
            .apply_utimens_ino(folder, fs_ext4::fs::TIME_OMIT, 0, self.time, 0)
            .map_err(|error| self.failed(error, path, 0))
    }

    fn unlink(&self, folder: u32, name: &str, kind: FileKind, path: &str) -> Result<()> {
        let name = name.as_bytes();
        match kind {
            FileKind::Directory => self.fs.apply_rmdir_at(folder, name),
            _ => self.fs.apply_unlink_at(folder, name),
        }
        .map_err(|error| self.failed(error, path, 0))
    }

    fn create(&self, folder: u32, name: &str, path: &str, content: &[u8]) -> Result<u32> {
        let need = length(content);
        let failed = |error| self.failed(error, path, need);
        let inode = self
            .fs
            .apply_create_at(folder, name.as_bytes(), 0o600)
            .map_err(failed)?;
        for (offset, piece) in (0..).step_by(PIECE).zip(content.chunks(PIECE)) {
            self.fs
                .apply_pwrite_ino(inode, offset, piece)
                .map_err(failed)?;
        }
        Ok(inode)
    }
}

impl std::fmt::Debug for Ext4Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ext4::Ext4Writer on {:?}", self.device.storage())
    }
}

impl WriteFs for Ext4Writer {
    fn make_directory(&mut self, path: &str, attributes: Attributes) -> Result<()> {
        let place = Path::new(path)?;
        check_attributes(path, attributes)?;
        let (folder, name) = self.free_place(place)?;
        self.check_room(path, 0, Freed::default())?;
        self.change(|writer| {
            let inode = writer
                .fs
                .apply_mkdir_at(folder, name.as_bytes(), 0o700)
                .map_err(|error| writer.failed(error, path, 0))?;
            writer.attributes(inode, path, attributes)?;
            writer.touch(folder, path)
        })
    }

    fn write_file(&mut self, path: &str, content: &[u8], attributes: Attributes) -> Result<()> {
        let place = Path::new(path)?;
        check_attributes(path, attributes)?;
        let (folder, name) = parent(self, place)?;
        let (kind, freed) = self.existing(folder, name, path)?;
        if kind == Some(FileKind::Directory) {
            let path = path.to_owned();
            return Err(Refused::NotAFile { path }.into());
        }
        self.check_room(path, length(content), freed)?;
        self.change(|writer| {
            if let Some(kind) = kind {
                writer.unlink(folder, name, kind, path)?;
            }
            let inode = writer.create(folder, name, path, content)?;
            writer.attributes(inode, path, attributes)?;
            writer.touch(folder, path)
        })
    }

    fn make_symlink(&mut self, path: &str, target: &str) -> Result<()> {
        let place = Path::new(path)?;
        check_target(path, target, self.superblock()?.block_size.get().into())?;
        let (folder, name) = self.free_place(place)?;
        self.check_room(path, length(target.as_bytes()), Freed::default())?;
        self.change(|writer| {
            writer
                .fs
                .apply_symlink_at(folder, name.as_bytes(), target.as_bytes())
                .map_err(|error| writer.failed(error, path, 0))?;
            writer.touch(folder, path)
        })
    }

    fn remove(&mut self, path: &str) -> Result<()> {
        let place = Path::new(path)?;
        let (folder, name) = parent(self, place)?;
        let inode = self
            .child(folder, name, path)?
            .ok_or_else(|| not_found(path))?;
        let kind = self.kind(inode, path)?;
        if kind == FileKind::Directory {
            let entries = self.fs.read_dir_ino(inode);
            let entries = entries.map_err(|error| from_engine(error, path))?;
            let is_own = |name: &[u8]| name == b"." || name == b"..";
            if entries.iter().any(|entry| !is_own(&entry.name)) {
                let path = path.to_owned();
                return Err(Refused::DirectoryNotEmpty { path }.into());
            }
        }
        self.change(|writer| {
            writer.unlink(folder, name, kind, path)?;
            writer.touch(folder, path)
        })
    }

    fn set_attributes(&mut self, path: &str, attributes: Attributes) -> Result<()> {
        let place = Path::new(path)?;
        check_attributes(path, attributes)?;
        let inode = find(self, place)?.ok_or_else(|| not_found(path))?;
        self.change(|writer| writer.attributes(inode, path, attributes))
    }

    fn finish(self: Box<Self>) -> Result<()> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        self.fs.finish().map_err(|error| from_engine(error, "/"))
    }
}

/// Fails if the journal is not empty, because the engine would replay it. A lazy mount does not replay it.
fn check_journal(device: &Arc<Ext4Device>) -> Result<()> {
    let reading =
        Filesystem::mount_lazy(device.clone()).map_err(|error| from_engine(error, "/"))?;
    let journal =
        fs_ext4::jbd2::read_superblock(&reading).map_err(|error| from_engine(error, "/"))?;
    match journal {
        Some(journal) if !journal.is_clean() => {
            let start = journal.start;
            Err(Refused::JournalNotEmpty { start }.into())
        }
        _ => Ok(()),
    }
}

fn check_attributes(path: &str, attributes: Attributes) -> Result<()> {
    let (path, mode) = (path.to_owned(), attributes.mode);
    if mode & !PERMISSIONS != 0 {
        return Err(Refused::Mode { path, mode }.into());
    }
    if attributes.uid == u32::MAX || attributes.gid == u32::MAX {
        return Err(Refused::Owner { path }.into());
    }
    Ok(())
}

/// Checks a link target: it has 1 to 4095 bytes without a NUL and fits into one block.
fn check_target(path: &str, target: &str, block_size: u64) -> Result<()> {
    let size = length(target.as_bytes());
    let reason = match size {
        0 => "has an empty target",
        _ if target.contains('\0') => "has a target with a NUL",
        _ if size >= block_size.min(4096) => "has a target longer than a block",
        _ if target.split('/').any(|name| name.len() > 255) => {
            "has a target with a name of more than 255 bytes"
        }
        _ => return Ok(()),
    };
    let path = path.to_owned();
    Err(Refused::Path { path, reason }.into())
}

fn not_found(path: &str) -> Error {
    let path = path.to_owned();
    Refused::NotFound { path }.into()
}

fn exists(path: &str) -> Error {
    let path = path.to_owned();
    Refused::Exists { path }.into()
}
