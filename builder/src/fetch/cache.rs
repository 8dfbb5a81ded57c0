//! The cache directory. No other module of `fetch` creates files outside a work directory.
//!
//! ```text
//! <key>.lock        held while a process works on the entry; never removed
//! <key>.img         a verified raw image         <key>.toml   its digests, and the state of the file when it was read
//! <key>.programs    etcd's programs, unpacked
//! <key>.part        a partial download, kept for the next run   <key>.part.from   its address and validator
//! <key>.<…>.tmp     being written; the next holder of the lock may remove it
//! <key>.sums        a signed list of digests         <key>.sums.asc   its signature
//! etcd-pins.toml    digests of etcd releases as first seen
//! ```
//! The key is the digest of what the entry was made from, or of a list's address; the key of a local file's record starts
//! with `local-`. A file gets its final name only once it is complete and synced. Other programs may use the directory as
//! well: files with other names stay unchanged.
#![expect(clippy::disallowed_methods, reason = "writes the cache")]

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::owner;
use super::partial::Partial;
use crate::failure::{Failure, Kind};
use crate::progress::Progress;
use crate::recipe::is_sha256;

/// The extension of files that have no use after their writer has ended.
const TEMPORARY: &str = "tmp";
/// The key of the learned digests.
pub(super) const PINS: &str = "etcd-pins";

/// An open cache directory.
#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// Opens the directory, creating it if needed, and removes the unfinished files of killed runs.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        owner::make_folder(dir).map_err(|error| storage("making the cache folder", dir, &error))?;
        let cache = Self {
            dir: dir.to_owned(),
        };
        cache
            .sweep()
            .with_context(|| format!("cleaning the cache folder {}", dir.display()))?;
        Ok(cache)
    }

    /// Returns the entry with that key, locked for this caller; waits while another build works on it.
    pub(super) fn entry(&self, key: &str, progress: &dyn Progress) -> Result<Entry> {
        let path = self.dir.join(format!("{key}.lock"));
        let file = lock_file(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress.note(&format!(
                    "waiting for another build that works on {}",
                    path.display()
                ));
                file.lock()
                    .map_err(|error| storage("locking", &path, &error))?;
            }
            Err(TryLockError::Error(error)) => return Err(storage("locking", &path, &error)),
        }
        let entry = Entry {
            dir: self.dir.clone(),
            key: key.to_owned(),
            _lock: file,
        };
        entry.sweep()?;
        Ok(entry)
    }

    fn sweep(&self) -> Result<()> {
        for path in temporaries(&self.dir)? {
            let file = lock_file(&self.dir.join(format!("{}.lock", key_of(&path))))?;
            if file.try_lock().is_ok() {
                remove(&path)?;
            }
        }
        Ok(())
    }
}

/// The files of one key, locked until dropped.
#[derive(Debug)]
pub(super) struct Entry {
    dir: PathBuf,
    key: String,
    _lock: File,
}

impl Entry {
    /// Returns the path of the entry's file with that extension.
    pub(super) fn path(&self, ending: &str) -> PathBuf {
        self.dir.join(format!("{}.{ending}", self.key))
    }

    /// Returns whether only this user can have written the file with that extension.
    pub(super) fn is_ours(&self, ending: &str) -> Result<bool> {
        is_ours(&self.dir, &self.path(ending))
    }

    /// Returns the key, which is the digest of what the entry was made from.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Returns the cache directory.
    pub(super) fn folder(&self) -> &Path {
        &self.dir
    }

    /// Creates an empty file that gets that extension when it is [published](Self::publish).
    pub(super) fn create(&self, ending: &str) -> Result<Temporary> {
        Temporary::create(self.path(&format!("{ending}.{TEMPORARY}")))
    }

    /// Creates an empty work directory, which the next build removes if it still exists.
    pub(super) fn work_folder(&self) -> Result<PathBuf> {
        let path = self.path(&format!("work.{TEMPORARY}"));
        fs::create_dir(&path).map_err(|error| storage("making", &path, &error))?;
        Ok(path)
    }

    pub(super) fn remove_work_folder(&self) -> Result<()> {
        remove(&self.path(&format!("work.{TEMPORARY}")))
    }

    /// Durably gives a complete temporary file its final name.
    pub(super) fn publish(&self, temporary: Temporary, ending: &str) -> Result<PathBuf> {
        let path = self.path(ending);
        temporary.publish(&path)?;
        Ok(path)
    }

    /// Publishes a file that another program wrote into the [work directory](Self::work_folder).
    pub(super) fn adopt(&self, made: &Path, ending: &str) -> Result<PathBuf> {
        let file = open(OpenOptions::new().write(true), made)?;
        let path = self.path(ending);
        Temporary {
            path: made.to_owned(),
            file,
            published: false,
        }
        .publish(&path)?;
        Ok(path)
    }

    /// Replaces the small file with that extension.
    pub(super) fn write(&self, ending: &str, text: &str) -> Result<()> {
        replace(&self.path(ending), text)
    }

    /// Removes the file with that extension, if it exists.
    pub(super) fn remove(&self, ending: &str) -> Result<()> {
        remove(&self.path(ending))
    }

    /// Opens the partial download of the entry's source.
    pub(super) fn partial(&self, url: &str) -> Result<Partial> {
        Partial::open(self, url)
    }

    /// Removes the entry's temporary files. The lock must be held, which proves that their writers have ended.
    fn sweep(&self) -> Result<()> {
        let all = temporaries(&self.dir)?;
        all.iter()
            .filter(|path| key_of(path) == self.key)
            .try_for_each(|path| remove(path))
    }
}

/// A file being written, removed when dropped unless it was published.
#[derive(Debug)]
pub(super) struct Temporary {
    path: PathBuf,
    file: File,
    published: bool,
}

impl Temporary {
    fn create(path: PathBuf) -> Result<Self> {
        let file = open(owner::new_file().truncate(true), &path)?;
        Ok(Self {
            path,
            file,
            published: false,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    fn publish(mut self, path: &Path) -> Result<()> {
        self.file
            .sync_all()
            .map_err(|error| storage("writing", &self.path, &error))?;
        fs::rename(&self.path, path).map_err(|error| storage("naming", path, &error))?;
        self.published = true;
        sync_folder_of(path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.published {
            // The next build's sweep removes a file that cannot be removed now.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Replaces a small file of a locked entry atomically and durably.
pub(super) fn replace(path: &Path, text: &str) -> Result<()> {
    let temporary = Temporary::create(with_ending(path, TEMPORARY))?;
    temporary
        .file()
        .write_all(text.as_bytes())
        .map_err(|error| storage("writing", path, &error))?;
    temporary.publish(path)
}

/// Opens a file for reading and for writing at its end, creating it if needed. Append mode is avoided because Windows refuses
/// to shorten a file opened that way.
pub(super) fn resume(path: &Path) -> Result<File> {
    open(owner::new_file().read(true), path)
}

/// Returns whether only this user can have written this file of the cache directory; `true` if it does not exist.
pub(super) fn is_ours(folder: &Path, path: &Path) -> Result<bool> {
    let both = owner::is_ours(folder).and_then(|folder| Ok(folder && owner::is_ours(path)?));
    match both {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        both => both.map_err(|error| storage("looking at", path, &error)),
    }
}

/// Appends an extension to `path` after any that it already has.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

/// Creates the error for a failed disk operation, with a hint where one helps.
pub(super) fn storage(doing: &str, path: &Path, error: &io::Error) -> anyhow::Error {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            "free some space there, or name another folder (`--cache`, `--state`)"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "make it writable for this user, or name another folder (`--cache`, `--state`)"
        }
        io::ErrorKind::NotFound => "check the path",
        _ => "check the disk and that the path is what it should be",
    };
    Failure::new(
        Kind::Storage,
        format!("{doing} {}: {}", path.display(), error),
        hint,
    )
}

fn lock_file(path: &Path) -> Result<File> {
    open(&owner::new_file(), path)
}

fn open(options: &OpenOptions, path: &Path) -> Result<File> {
    options
        .open(path)
        .map_err(|error| storage("opening", path, &error))
}

/// Makes a rename in the directory durable, on systems that can open directories.
fn sync_folder_of(path: &Path) -> Result<()> {
    match path.parent() {
        Some(dir) if cfg!(unix) => File::open(dir)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| storage("writing the folder", dir, &error)),
        _ => Ok(()),
    }
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(storage("removing", path, &error))
        }
        _ => Ok(()),
    }
}

fn temporaries(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).map_err(|error| storage("reading", dir, &error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let paths: Vec<PathBuf> = paths
        .collect::<io::Result<_>>()
        .map_err(|error| storage("reading", dir, &error))?;
    Ok(paths
        .into_iter()
        .filter(|path| is_temporary(path))
        .collect())
}

/// Returns whether this program uses such a name for its temporary files. Another program's `notes.tmp` stays unchanged.
fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let Some((key, rest)) = name.split_once('.') else {
        return false;
    };
    let Some((ending, TEMPORARY)) = rest.rsplit_once('.') else {
        return false;
    };
    matches!(
        ending,
        "img" | "work" | "toml" | "part.from" | "programs" | "sums" | "sums.asc"
    ) && is_key(key)
}

/// Returns whether the text is a key: a SHA-256, possibly after `local-`, or the name of the pins.
fn is_key(key: &str) -> bool {
    key == PINS || is_sha256(key.strip_prefix("local-").unwrap_or(key))
}

/// Returns the part of the file name before the first dot.
fn key_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}
