//! The folder images are written to: one build at a time, temporary names first, nothing half-written under a final one.
#![expect(
    clippy::disallowed_methods,
    reason = "writes images and what lies beside them"
)]

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context as _, Result, bail};
use tempfile::NamedTempFile;

use crate::failure::{Failure, Kind};

/// Begin and end of the name of a file that is being written.
const OURS: &str = ".etcd-image-";
const PARTIAL: &str = ".partial";
/// Held while somebody writes to the folder; never removed.
const LOCK: &str = ".etcd-image.lock";
/// The folder below that gets files as well.
const CLIENT: &str = "client";

/// An output folder held by this build.
#[derive(Debug)]
pub struct OutputFolder {
    path: PathBuf,
    /// Locked while the folder is held; the system unlocks it even if this process is killed.
    _lock: File,
}

/// A finished image that still has its temporary name.
#[derive(Debug)]
pub struct Staged {
    /// File name it will get, e.g. `etcd1.img`.
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// SHA-256 of the whole image, lower-case hexadecimal.
    pub sha256: String,
    pub(super) file: NamedTempFile,
}

impl OutputFolder {
    /// Makes the folder if need be, takes its lock and removes what a killed build left.
    pub fn open(path: &Path) -> Result<Self> {
        fs_err::create_dir_all(path).with_context(|| unwritable(path))?;
        let lock = lock(path)?;
        sweep(path)?;
        sweep(&path.join(CLIENT))?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A new file for what will be called `name`; removed again unless it is given that name.
    /// Readable by its owner only: images hold private keys.
    pub(super) fn temporary(&self, name: &str) -> Result<NamedTempFile> {
        temporary(&self.path, name)
    }

    /// Gives the images their names, then makes the names durable. All at once: each frees an older image's blocks,
    /// which takes the file system a while.
    pub fn publish(&self, images: Vec<Staged>) -> Result<()> {
        let publish = |image: Staged| persist(image.file, &self.path.join(&image.name));
        let done: Vec<Result<()>> = thread::scope(|scope| {
            let all: Vec<_> = images
                .into_iter()
                .map(|image| scope.spawn(move || publish(image)))
                .collect();
            all.into_iter()
                .map(|one| {
                    one.join()
                        .unwrap_or_else(|_| bail!("naming an image panicked"))
                })
                .collect()
        });
        done.into_iter().collect::<Result<()>>()?;
        sync_folder(&self.path)
    }

    /// Writes a small file whole, with these permission bits, into the folder or a folder below it.
    pub fn write(&self, name: &str, bytes: &[u8], mode: u32) -> Result<()> {
        let path = self.path.join(name);
        let folder = path.parent().unwrap_or(&self.path);
        fs_err::create_dir_all(folder).with_context(|| unwritable(folder))?;
        let mut file = temporary(folder, name.rsplit('/').next().unwrap_or(name))?;
        file.write_all(bytes).with_context(|| unwritable(&path))?;
        set_mode(file.as_file(), mode).with_context(|| unwritable(&path))?;
        file.as_file()
            .sync_all()
            .with_context(|| unwritable(&path))?;
        persist(file, &path)?;
        sync_folder(folder)
    }

    /// Removes a file of the folder.
    pub fn remove(&self, name: &str) -> Result<()> {
        let path = self.path.join(name);
        fs_err::remove_file(&path).with_context(|| unwritable(&path))?;
        sync_folder(&self.path)
    }
}

/// Removes what a killed build left in a folder, and nothing else.
fn sweep(folder: &Path) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs_err::read_dir(folder).with_context(|| unwritable(folder))? {
        let entry = entry.with_context(|| unwritable(folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(OURS) && name.ends_with(PARTIAL) && entry.path().is_file() {
            fs_err::remove_file(entry.path()).with_context(|| unwritable(folder))?;
        }
    }
    Ok(())
}

fn temporary(folder: &Path, name: &str) -> Result<NamedTempFile> {
    let prefix = format!("{OURS}{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(PARTIAL);
    builder
        .tempfile_in(folder)
        .with_context(|| unwritable(folder))
}

fn persist(file: NamedTempFile, path: &Path) -> Result<()> {
    let renamed = file.persist(path).map_err(|error| error.error);
    renamed.map(drop).with_context(|| unwritable(path))
}

fn lock(path: &Path) -> Result<File> {
    let path = path.join(LOCK);
    let mut options = File::options();
    options.write(true).create(true).truncate(false);
    let file = options.open(&path).with_context(|| unwritable(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::new(
            Kind::Storage,
            format!(
                "another build is writing to {}",
                path.parent().unwrap_or(&path).display()
            ),
            "wait until it is done, or name another folder with `--out`",
        )),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| unwritable(&path)),
    }
}

/// Attached to an I/O error, so that it says where and what next.
fn unwritable(path: &Path) -> Failure {
    Failure {
        kind: Kind::Storage,
        message: format!("writing {}", path.display()),
        hint: "make sure the folder is writable and has room, or name another one with `--out`"
            .to_owned(),
    }
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(mode))
}

/// Windows has no permission bits; a user's folders are private by default.
#[cfg(not(unix))]
fn set_mode(_file: &File, _mode: u32) -> std::io::Result<()> {
    Ok(())
}

/// A rename is durable once its folder is.
#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<()> {
    let folder = File::open(path).with_context(|| unwritable(path))?;
    folder.sync_all().with_context(|| unwritable(path))
}

/// Windows cannot open a folder for this; NTFS journals the rename.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> Result<()> {
    Ok(())
}
