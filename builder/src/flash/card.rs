//! A card, or a file in its place, opened so that nobody else uses it.
#![expect(clippy::disallowed_methods, reason = "opens the card that is written")]

use std::fmt::Debug;
use std::fs::{File, Metadata, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Seek as _, SeekFrom};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use rustix::fs::{Advice, OFlags, fadvise};

use super::source::Source;
use crate::apply::{DirectBuffer, DirectFile};
use crate::failure::Kind;
use crate::report;

/// The largest transfer in bytes.
pub(super) const CHUNK: usize = 4 << 20;

/// What keeps the bytes of a card; in tests, something that loses or changes them. Several threads can use it.
pub(super) trait Medium: Debug + Send + Sync {
    /// Fills the bytes from `offset` on.
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()>;

    /// Writes the bytes at `offset`.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Waits until everything written is on the medium, and forgets it in memory, so that the next read asks the medium.
    fn sync(&self) -> io::Result<()>;
}

impl Medium for DirectFile<File> {
    fn read_at(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        self.read_at(offset, bytes)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_at(offset, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.file().sync_all()?;
        Ok(fadvise(self.file(), 0, None, Advice::DontNeed)?)
    }
}

/// An open card.
#[derive(Debug)]
pub(super) struct Card {
    pub(super) path: PathBuf,
    /// Size in bytes.
    pub(super) size: u64,
    /// Manufacturer and model; `None` for a file.
    pub(super) model: Option<String>,
    medium: Box<dyn Medium>,
}

impl Card {
    /// Opens the card at `path` for `source`. `allow` decides by its device number whether a disk may be written, and returns
    /// its model; a regular file needs `allow_file`.
    pub(super) fn open(
        path: &Path,
        source: &Source,
        allow: impl FnOnce(u64) -> Result<String>,
        allow_file: bool,
    ) -> Result<Self> {
        let metadata = path.metadata().map_err(|error| unusable(path, &error))?;
        let is_disk = metadata.file_type().is_block_device();
        let model = if is_disk {
            Some(allow(metadata.rdev())?)
        } else {
            check_file(path, &metadata, source, allow_file)?;
            None
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        if is_disk {
            // Linux then refuses a disk that is mounted or otherwise in use, and keeps others from mounting it.
            options.custom_flags(OFlags::EXCL.bits().cast_signed());
        }
        let mut file = options.open(path).map_err(|error| unusable(path, &error))?;
        let opened = file.metadata().map_err(|error| unusable(path, &error))?;
        if !is_same(&metadata, &opened) {
            let message = format!("{} became another disk while it was opened", path.display());
            let hint = "`etcd-image flash --list` shows the disks of this machine";
            return Err(Kind::Usage.error(message, hint));
        }
        if !is_disk {
            lock(path, &file)?;
        }
        let size = file
            .seek(SeekFrom::End(0))
            .map_err(|error| unusable(path, &error))?;
        let need = source.size();
        if size < need {
            let message = format!(
                "{} has {size} bytes, but {} has {need}",
                path.display(),
                source.path.display()
            );
            return Err(Kind::Usage.error(message, "use a larger card"));
        }
        Ok(Self {
            path: path.to_owned(),
            size,
            model,
            medium: Box::new(DirectFile::new(file)),
        })
    }

    /// Returns a card whose bytes are kept elsewhere than on a disk.
    #[cfg(test)]
    pub(super) fn of(medium: impl Medium + 'static, size: u64) -> Self {
        Self {
            path: "card".into(),
            size,
            model: None,
            medium: Box::new(medium),
        }
    }

    /// Fills the bytes from `offset` on; they should be those of a [`DirectBuffer`].
    pub(super) fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let read = self.medium.read_at(offset, bytes);
        read.map_err(|error| self.failed("reading", offset, &error))
    }

    /// Writes the bytes at `offset`; they should be those of a [`DirectBuffer`].
    pub(super) fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let written = self.medium.write_at(offset, bytes);
        written.map_err(|error| self.failed("writing", offset, &error))
    }

    /// Writes zeros.
    pub(super) fn erase(&self, offset: u64, len: usize) -> Result<()> {
        self.write(offset, DirectBuffer::new(len).first(len))
    }

    /// Waits until everything written is on the card, so that the next read asks the card.
    pub(super) fn sync(&self) -> Result<()> {
        let synced = self.medium.sync();
        synced.map_err(|error| self.failed("writing", 0, &error))
    }

    fn failed(&self, doing: &str, offset: u64, error: &io::Error) -> anyhow::Error {
        Kind::Storage.error(
            format!("{doing} {} at byte {offset}: {error}", self.path.display()),
            "the card or its reader failed: use another card; this one does not boot",
        )
    }
}

/// Returns whether the checks of a path were about what was opened.
fn is_same(checked: &Metadata, opened: &Metadata) -> bool {
    let identity = |it: &Metadata| (it.dev(), it.ino(), it.rdev());
    identity(checked) == identity(opened)
}

/// Refuses a file that is not meant to be a card.
fn check_file(path: &Path, file: &Metadata, source: &Source, allowed: bool) -> Result<()> {
    let refuse =
        |why: &str, hint: &str| Err(Kind::Usage.error(format!("{} {why}", path.display()), hint));
    if !file.is_file() {
        return refuse(
            "is neither a disk nor a file",
            "name a card, as in /dev/sdX; `etcd-image flash --list` shows them",
        );
    }
    let image = source.path.metadata();
    if image.is_ok_and(|image| (image.dev(), image.ino()) == (file.dev(), file.ino())) {
        return refuse("is the image itself", "name the card to write");
    }
    if is_listed_image(path) {
        return refuse(
            "is an image of the manifest beside it",
            "name the card to write",
        );
    }
    match allowed {
        true => Ok(()),
        false => refuse(
            "is a file, not a disk",
            "name a card, or add `--yes-really` to overwrite the file",
        ),
    }
}

/// Returns whether a manifest beside the file lists it. Another program may have a file of that name.
fn is_listed_image(path: &Path) -> bool {
    let Ok(real) = path.canonicalize() else {
        return false;
    };
    let (Some(folder), Some(name)) = (real.parent(), real.file_name()) else {
        return false;
    };
    let name = name.to_string_lossy();
    let manifests = report::read_manifests(folder, false).unwrap_or_default();
    let mut nodes = manifests.iter().flat_map(|manifest| &manifest.nodes);
    nodes.any(|node| node.has_output(&name))
}

fn lock(path: &Path, file: &File) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(in_use(path)),
        Err(TryLockError::Error(error)) => Err(unusable(path, &error)),
    }
}

fn in_use(path: &Path) -> anyhow::Error {
    let message = format!(
        "{} is in use: mounted, or being written by another program",
        path.display()
    );
    Kind::Usage.error(message, "unmount its partitions and try again")
}

/// Explains why a card cannot be opened.
fn unusable(path: &Path, error: &io::Error) -> anyhow::Error {
    /// Linux' number of the error "No medium found": a reader without a card.
    const NO_MEDIUM: i32 = 123;
    let hint = match error.kind() {
        ErrorKind::ResourceBusy => return in_use(path),
        ErrorKind::PermissionDenied => "run the command with sudo",
        ErrorKind::ReadOnlyFilesystem => "the card is write-protected: move the switch on its side",
        ErrorKind::NotFound => "`etcd-image flash --list` shows the disks of this machine",
        _ if error.raw_os_error() == Some(NO_MEDIUM) => "insert a card",
        _ => "use another card or reader",
    };
    Kind::Usage.error(format!("cannot open {}: {error}", path.display()), hint)
}

#[cfg(test)]
mod tests {
    use tempfile::NamedTempFile;

    use super::*;

    #[test]
    fn a_file_that_takes_the_place_of_another_is_not_the_same() {
        let [checked, other] = [(); 2].map(|()| NamedTempFile::new().unwrap());
        let metadata = checked.path().metadata().unwrap();
        assert!(is_same(&metadata, &checked.as_file().metadata().unwrap()));
        assert!(!is_same(&metadata, &other.as_file().metadata().unwrap()));
    }
}
