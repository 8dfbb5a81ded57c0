//! The output directory of a build: one build at a time locks it, and files get their final names only when they are complete.
#![expect(
    clippy::disallowed_methods,
    reason = "writes images and what lies beside them"
)]

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, Result, bail};
use tempfile::NamedTempFile;

use super::extents;
use super::map::MappedRange;
use crate::failure::{Failure, Kind};
use crate::file::{
    PARTIAL_NAME, create_partial, directory_of, if_exists, is_partial_name, publish_partial,
    sync_folder,
};
use crate::image_format::ImageFormat;
use crate::interrupt::{self, InterruptGuard};
use crate::store::Address;

/// The lock file, locked while a build writes to the directory and never removed.
const LOCK: &str = ".etcd-image.lock";
/// The subdirectory that also gets files.
const CLIENT: &str = "client";

/// An output directory locked by this build.
#[derive(Debug)]
pub(crate) struct OutputFolder {
    path: PathBuf,
    /// Removes temporary files before the lock is released, also if the program is interrupted.
    _partial: InterruptGuard,
    /// The lock file; the system unlocks it even if this process is killed.
    _lock: File,
}

/// The temporary files of an output directory, which are removed with this value.
struct PartialFiles(PathBuf);

impl PartialFiles {
    fn remove(&self) -> Result<()> {
        for folder in [&self.0, &self.0.join(CLIENT)] {
            sweep(folder).with_context(|| unwritable(folder))?;
        }
        Ok(())
    }
}

impl Drop for PartialFiles {
    fn drop(&mut self) {
        // The next build removes what this cannot remove.
        let _ = self.remove();
    }
}

/// A complete image whose files still have temporary names.
#[derive(Debug)]
pub(crate) struct Staged {
    /// Name of the node.
    pub node: String,
    /// Size of the raw image in bytes.
    pub size: u64,
    /// SHA-256 of the whole raw image, lower-case hexadecimal.
    pub sha256: String,
    /// The used ranges, if they are wanted.
    pub map: Vec<MappedRange>,
    /// One file for each format.
    pub files: Vec<StagedFile>,
}

/// A complete file of an image that still has its temporary name.
#[derive(Debug)]
pub(crate) struct StagedFile {
    /// Its final file name, e.g. `etcd1.img`.
    pub name: String,
    /// The format of the file.
    pub format: ImageFormat,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the whole file, lower-case hexadecimal.
    pub sha256: String,
    pub(super) file: NamedTempFile,
}

impl OutputFolder {
    /// Creates the directory if necessary, locks it and removes the leftovers of a killed build.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::refuse_file(path)?;
        // An interruption removes what this creates, or prevents it.
        let _step = interrupt::uninterrupted();
        fs_err::create_dir_all(path).with_context(|| unwritable(path))?;
        let lock = lock_directory(path)?;
        let partial = PartialFiles(path.to_owned());
        partial.remove()?;
        Ok(Self {
            path: path.to_owned(),
            _partial: InterruptGuard::new(partial),
            _lock: lock,
        })
    }

    /// Refuses a path that exists and is not a directory, such as a dangling link, and one among the devices, where a card would
    /// be.
    pub(crate) fn refuse_file(path: &Path) -> Result<()> {
        if Address::of(path, "--out")?.is_some() {
            let message = format!("{} is a store, not a directory", path.display());
            return Err(Kind::Usage.error(message, "name a directory with `--out`"));
        }
        let exists = if_exists(fs_err::symlink_metadata(path))?.is_some();
        if exists && !path.is_dir() {
            return Err(Kind::Usage.error(
                format!("{} exists and is not a directory", path.display()),
                "name another directory with `--out`",
            ));
        }
        // `/dev/shm` holds files in memory, which any program may create.
        if path.starts_with("/dev") && !path.starts_with("/dev/shm") {
            let hint = "name a directory with `--out`, and write its images to cards with `etcd-image flash`";
            let message = format!("{} is in the directory of the devices", path.display());
            return Err(Kind::Usage.error(message, hint));
        }
        Ok(())
    }

    /// Returns the path of the directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a temporary file for the final name `name`; it is removed unless it is renamed. Only its owner can read it:
    /// images hold private keys.
    pub(super) fn temporary(&self, name: &str) -> Result<NamedTempFile> {
        // An interruption removes the temporary files that exist and ends the program before another one is created.
        let _step = interrupt::uninterrupted();
        create_partial(&self.path.join(name)).with_context(|| unwritable(&self.path))
    }

    /// Returns the failure to attach when a file of an image cannot be written.
    pub(super) fn no_room(&self, name: &str) -> Failure {
        Kind::Storage.context(
            format!("writing {}", self.path.join(name).display()),
            "make sure the disk has room for as many bytes as the base has, or name another directory with `--out`",
        )
    }

    /// Renames the images to their final names, then makes the names durable. They are renamed in parallel: each rename
    /// frees the blocks of an older image, which takes the file system some time.
    pub(crate) fn publish(&self, images: Vec<Staged>) -> Result<()> {
        let publish = |staged: StagedFile| {
            let path = self.path.join(&staged.name);
            let renamed = staged.file.persist(&path).map_err(|error| error.error);
            renamed.map(drop).with_context(|| unwritable(&path))
        };
        let done: Vec<Result<()>> = thread::scope(|scope| {
            let files = images.into_iter().flat_map(|image| image.files);
            let all: Vec<_> = files
                .map(|file| scope.spawn(move || publish(file)))
                .collect();
            all.into_iter()
                .map(|one| {
                    one.join()
                        .unwrap_or_else(|_| bail!("naming an image panicked"))
                })
                .collect()
        });
        done.into_iter().collect::<Result<()>>()?;
        sync_folder(&self.path).with_context(|| unwritable(&self.path))
    }

    /// Gives a complete image of another directory its final name here, without copying if both are on one file system. Also restricts
    /// the image to its owner and makes its content durable, because the other directory may not have done that.
    pub(crate) fn adopt(&self, source: &Path, name: &str) -> Result<()> {
        let path = self.path.join(name);
        let [prefix, suffix] = PARTIAL_NAME;
        let linked = self.path.join(format!("{prefix}{name}.link{suffix}"));
        let context = || unwritable(&path);
        let unlink = || if_exists(fs_err::remove_file(&linked)).with_context(context);
        let step = interrupt::uninterrupted();
        unlink()?;
        if link(source, &linked).is_err() {
            unlink()?;
            drop(step);
            let copy = self.temporary(name)?;
            copy_data(source, copy.as_file()).with_context(|| self.no_room(name))?;
            copy.persist(&path)
                .map_err(|error| error.error)
                .with_context(context)?;
            return sync_folder(&self.path).with_context(context);
        }
        fs_err::rename(&linked, &path).with_context(context)?;
        // If both names were links to the same file, the rename did nothing.
        unlink()?;
        sync_folder(&self.path).with_context(context)
    }

    /// Writes a small file with these permission bits into the directory or one of its subdirectories.
    pub(crate) fn write(&self, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
        let path = self.path.join(name);
        write_file(&path, bytes, mode).with_context(|| unwritable(&path))
    }

    /// Removes a file from the directory, if it exists.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let path = self.path.join(name);
        let removed = match fs_err::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            removed => removed.and_then(|()| sync_folder(&self.path)),
        };
        removed.with_context(|| unwritable(&path))
    }
}

/// Writes a whole file under a temporary name, then renames it.
fn write_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    fs_err::create_dir_all(directory_of(path))?;
    let mut file = create_partial(path)?;
    file.write_all(bytes)?;
    set_mode(file.as_file(), mode)?;
    publish_partial(file, path)
}

/// Gives an image a second name, closes it to other users and makes its content durable. Fails if the source is a symbolic link: its second
/// name would lead to a file of another directory.
fn link(source: &Path, linked: &Path) -> io::Result<()> {
    fs_err::hard_link(source, linked)?;
    if !fs_err::symlink_metadata(linked)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = File::options().write(true).open(linked)?;
    set_mode(&file, 0o600)?;
    file.sync_all()
}

/// Copies a file; holes stay holes.
fn copy_data(source: &Path, target: &File) -> io::Result<()> {
    let source = fs_err::File::open(source)?;
    let size = source.metadata()?.len();
    target.set_len(size)?;
    for part in extents::data(source.file(), size) {
        let (mut from, mut to) = (source.file(), target);
        from.seek(SeekFrom::Start(part.start))?;
        to.seek(SeekFrom::Start(part.start))?;
        io::copy(&mut from.take(part.end - part.start), &mut to)?;
    }
    target.sync_all()
}

/// Removes the leftovers of a killed build from a directory, and nothing else.
fn sweep(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_partial_name(&name) && entry.path().is_file() {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Creates a temporary output directory beside an existing one, on the same file system. It is removed when the guard is
/// dropped, also if the program is interrupted.
pub(crate) fn temporary_beside(path: &Path) -> Result<(PathBuf, InterruptGuard)> {
    let path = fs_err::canonicalize(path)?;
    let parent = path.parent().unwrap_or(&path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".etcd-image.rebuild.");
    let _step = interrupt::uninterrupted();
    let directory = builder.tempdir_in(parent);
    let directory = directory.with_context(|| unwritable(parent))?;
    Ok((directory.path().to_owned(), InterruptGuard::new(directory)))
}

fn lock_directory(path: &Path) -> Result<File> {
    let path = path.join(LOCK);
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    let file = options.open(&path).with_context(|| unwritable(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Kind::Storage.error(
            format!(
                "another build is writing to {}",
                path.parent().unwrap_or(&path).display()
            ),
            "wait until it is done, or name another directory with `--out`",
        )),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| unwritable(&path)),
    }
}

/// Returns the failure to attach to an I/O error: the place and the next step.
fn unwritable(path: &Path) -> Failure {
    Kind::Storage.context(
        format!("writing {}", path.display()),
        "make sure the directory is writable and has room, or name another one with `--out`",
    )
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

/// Does nothing: Windows has no permission bits, and a user's directories are private by default.
#[cfg(not(unix))]
fn set_mode(_file: &File, _mode: u32) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_not_written_among_the_devices() {
        for (path, is_allowed) in [
            ("/dev/no-such-card", false),
            ("/dev/shm/images", true),
            ("device", true),
        ] {
            let refused = OutputFolder::refuse_file(Path::new(path)).err();
            assert_eq!(refused.is_none(), is_allowed, "{path}");
            let Some(error) = refused else {
                continue;
            };
            let message = format!("{path} is in the directory of the devices");
            assert_eq!(error.to_string(), message);
            let hint = "name a directory with `--out`, and write its images to cards with `etcd-image flash`";
            let expected = (Kind::Usage, hint.to_owned());
            assert_eq!(crate::failure::explain(&error), expected);
        }
    }
}
