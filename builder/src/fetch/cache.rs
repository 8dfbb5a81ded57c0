//! The cache directory. No other module of `fetch` creates named files outside a work directory.
//!
//! ```text
//! <key>.lock        held while a process works on the entry, and modified by each use; never removed
//! <key>.img         a verified raw image         <key>.toml   its digests, and the state of the file when it was read
//! <key>.programs    etcd's programs, unpacked
//! <key>.archive     an archive that the user adds to nodes
//! <key>.blocks      compressed blocks of images, appended one by one
//! <key>.part        a partial download, kept for the next run   <key>.part.from   its address and validator
//! <key>.<…>.tmp     being written; the next build removes it unless the lock is held
//! <key>.tar         the packages that a base was made from, by the digest of their list
//! <key>.sums        a signed list of digests         <key>.sums.asc   its signature
//! etcd-pins.toml    digests of etcd releases as first seen
//! ```
//! The key is the digest of what the entry was made from, or of a list's address; the key of a local file's record starts
//! with `local-`. A file gets its final name only once it is complete and synced. Other programs may use the directory as
//! well: files with other names stay unchanged.
#![expect(clippy::disallowed_methods, reason = "writes the cache")]

use std::fs::TryLockError;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use fs_err::File;
use tempfile::TempPath;

use super::follow::Arrived;
use super::owner;
use crate::failure::Kind;
use crate::file::{self, if_exists};
use crate::progress::Progress;
use crate::recipe::is_sha256;

/// The extension of files that have no use after their writer has ended.
const TEMPORARY: &str = "tmp";
/// The extension of locks.
pub(super) const LOCK: &str = "lock";
/// The extensions that stand before [`TEMPORARY`].
const WRITTEN: [&str; 8] = [
    "img",
    "work",
    "toml",
    "part.from",
    "programs",
    "sums",
    "sums.asc",
    "archive",
];
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
        if let Some(file) = file::in_the_way(dir) {
            return Err(Kind::Usage.error(
                format!("{} exists and is not a directory", file.display()),
                "name another directory with `--cache`",
            ));
        }
        file::make_private_folder(dir)
            .with_context(|| format!("making the cache directory {}", dir.display()))?;
        let cache = Self {
            dir: dir.to_owned(),
        };
        cache
            .sweep()
            .with_context(|| format!("cleaning the cache directory {}", dir.display()))?;
        Ok(cache)
    }

    /// Returns the entry with that key, locked for this caller; waits while another build works on it.
    pub(super) fn entry(&self, key: &str, progress: &dyn Progress) -> Result<CacheEntry> {
        let lock = self.lock_file(key)?;
        if let Err(error) = lock.try_lock() {
            if matches!(error, TryLockError::WouldBlock) {
                let path = lock.path().display();
                progress.note(&format!("waiting for another build that works on {path}"));
            }
            lock.lock()?;
        }
        // `cache prune` keeps what was used lately. A full disk must not stop a build that needs no room.
        let _ = (&lock).write_all(b"\n");
        Ok(self.locked(key, lock))
    }

    /// Returns the entry with that key unless a build works on it.
    pub(super) fn idle_entry(&self, key: &str) -> Result<Option<CacheEntry>> {
        let lock = self.lock_file(key)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(self.locked(key, lock))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    fn locked(&self, key: &str, lock: File) -> CacheEntry {
        CacheEntry {
            dir: self.dir.clone(),
            key: key.to_owned(),
            arrived: Arrived::default(),
            _lock: lock,
        }
    }

    fn lock_file(&self, key: &str) -> io::Result<File> {
        new_file().open(self.dir.join(format!("{key}.{LOCK}")))
    }

    /// Removes temporary files whose lock is free, which proves that their writers have ended.
    fn sweep(&self) -> Result<()> {
        for found in fs_err::read_dir(&self.dir)? {
            let path = found?.path();
            if let Some(key) = key_of_temporary(&path) {
                let lock = self.lock_file(key)?;
                if lock.try_lock().is_ok() {
                    remove(&path)?;
                }
            }
        }
        Ok(())
    }
}

/// The files of one key, locked until dropped.
#[derive(Debug)]
pub(super) struct CacheEntry {
    dir: PathBuf,
    key: String,
    /// The bytes of the download into this entry, for a reader that follows it.
    arrived: Arrived,
    _lock: File,
}

impl CacheEntry {
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

    /// Returns the bytes of the download into this entry.
    pub(super) fn arrived(&self) -> &Arrived {
        &self.arrived
    }

    /// Returns the cache directory.
    pub(super) fn folder(&self) -> &Path {
        &self.dir
    }

    /// Creates an empty file that gets that extension when it is [published](Self::publish).
    pub(super) fn create(&self, ending: &str) -> Result<Temporary> {
        Temporary::create(&self.path(ending))
    }

    /// Durably gives a complete temporary file its final name.
    pub(super) fn publish(&self, temporary: Temporary, ending: &str) -> Result<PathBuf> {
        let path = self.path(ending);
        temporary.publish(&path)?;
        Ok(path)
    }

    /// Publishes a file that was written by another program, or a complete download.
    pub(super) fn adopt(&self, made: &Path, ending: &str) -> Result<PathBuf> {
        let temporary = Temporary {
            file: fs_err::OpenOptions::new().write(true).open(made)?,
            path: TempPath::try_from_path(made)?,
        };
        self.publish(temporary, ending)
    }

    /// Replaces the small file with that extension.
    pub(super) fn write(&self, ending: &str, text: &str) -> Result<()> {
        let mut temporary = self.create(ending)?;
        temporary.file.write_all(text.as_bytes())?;
        self.publish(temporary, ending).map(drop)
    }

    /// Opens the file with that extension for reading and for writing at its end, creating it if needed. Append mode is avoided
    /// because Windows refuses to shorten a file opened that way.
    pub(super) fn resume(&self, ending: &str) -> Result<File> {
        Ok(new_file().read(true).open(self.path(ending))?)
    }

    /// Removes the file with that extension, if it exists.
    pub(super) fn remove(&self, ending: &str) -> Result<()> {
        Ok(remove(&self.path(ending))?)
    }

    /// Removes every file of the entry but its lock.
    pub(super) fn clear(&self) -> Result<()> {
        for found in fs_err::read_dir(&self.dir)? {
            let path = found?.path();
            let is_own = |place: EntryFile<'_>| place.key == self.key && place.ending != LOCK;
            if EntryFile::of(&path).is_some_and(is_own) {
                remove(&path)?;
            }
        }
        Ok(file::sync_folder(&self.dir)?)
    }

    /// Calls `work` with an empty directory and removes the directory afterwards.
    pub(super) fn in_work_folder<T>(&self, work: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        let path = self.path(&format!("work.{TEMPORARY}"));
        remove(&path)?;
        fs_err::create_dir(&path)?;
        let result = work(&path);
        // The gigabytes of a failed attempt are removed as well; its own error is reported first.
        let removed = remove(&path);
        let value = result?;
        removed?;
        Ok(value)
    }
}

/// A file being written, removed when dropped unless it was published.
#[derive(Debug)]
pub(super) struct Temporary {
    file: File,
    path: TempPath,
}

impl Temporary {
    fn create(target: &Path) -> Result<Self> {
        let path = with_ending(target, TEMPORARY);
        Ok(Self {
            file: new_file().truncate(true).open(&path)?,
            path: TempPath::try_from_path(path)?,
        })
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    fn publish(self, path: &Path) -> Result<()> {
        self.file.sync_all()?;
        self.path
            .persist(path)
            .with_context(|| format!("renaming it to {}", path.display()))?;
        Ok(file::sync_folder(path.parent().unwrap_or(path))?)
    }
}

/// Returns options for files of the cache, which other users may read but not change.
fn new_file() -> fs_err::OpenOptions {
    let mut options = file::writable(0o644);
    options.create(true);
    options
}

/// Returns whether only this user can have written this file of the cache directory; `true` if it does not exist.
pub(super) fn is_ours(folder: &Path, path: &Path) -> Result<bool> {
    let both = owner::is_ours(folder).and_then(|folder| Ok(folder && owner::is_ours(path)?));
    Ok(if_exists(both)?.unwrap_or(true))
}

/// Appends an extension to `path` after any that it already has.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

/// Removes a file or directory, if it exists.
fn remove(path: &Path) -> io::Result<()> {
    let removed = match path.is_dir() {
        true => fs_err::remove_dir_all(path),
        false => fs_err::remove_file(path),
    };
    if_exists(removed).map(drop)
}

/// Returns the key of a temporary file of this program, or `None` for any other name, such as `notes.tmp`.
fn key_of_temporary(path: &Path) -> Option<&str> {
    let (key, rest) = path.file_name()?.to_str()?.split_once('.')?;
    let (ending, TEMPORARY) = rest.rsplit_once('.')? else {
        return None;
    };
    (WRITTEN.contains(&ending) && (is_key(key) || key == PINS)).then_some(key)
}

/// The name of a file of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EntryFile<'p> {
    /// The key of the entry.
    pub(super) key: &'p str,
    /// The extension.
    pub(super) ending: &'p str,
}

impl<'p> EntryFile<'p> {
    /// Returns the entry that a file belongs to, or `None` for other programs' files and for learned digests.
    pub(super) fn of(path: &'p Path) -> Option<Self> {
        let (key, ending) = path.file_name()?.to_str()?.split_once('.')?;
        is_key(key).then_some(Self { key, ending })
    }
}

fn is_key(text: &str) -> bool {
    is_sha256(text.strip_prefix("local-").unwrap_or(text))
}
