//! The cache folder. No other module of `fetch` creates files outside a work folder.
//!
//! ```text
//! <key>.lock        held while somebody works on the entry; never removed
//! <key>.img         a verified raw image         <key>.toml   what was read, and the state of the file then
//! <key>.programs    etcd's programs, unpacked
//! <key>.part        a download so far, kept for the next run   <key>.part.from   its address and validator
//! <key>.<…>.tmp     being written; whoever gets the lock may remove it
//! <key>.sums        a signed list of digests         <key>.sums.asc   its signature
//! etcd-pins.toml    digests of etcd releases as first seen
//! ```
//! The key is the digest of what the entry was made from, or of a list's address, after `local-` for the record of a local file. Nothing has its
//! final name before it is complete and on disk. The folder may be in use by others: what is not named like this stays.
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

/// Ending of files that mean nothing once their writer is gone.
const TEMPORARY: &str = "tmp";
/// The key of learned digests.
pub(super) const PINS: &str = "etcd-pins";

/// The folder.
#[derive(Debug)]
pub(super) struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// Opens the folder, making it if needed, and removes what killed runs left half done.
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

    /// The entry of that key, for this caller alone; waits while another build works on it.
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

/// One key's files, locked until dropped.
#[derive(Debug)]
pub(super) struct Entry {
    dir: PathBuf,
    key: String,
    _lock: File,
}

impl Entry {
    /// Path of the entry's file with that ending.
    pub(super) fn path(&self, ending: &str) -> PathBuf {
        self.dir.join(format!("{}.{ending}", self.key))
    }

    /// Whether only this user can have written the file with that ending.
    pub(super) fn is_ours(&self, ending: &str) -> Result<bool> {
        is_ours(&self.dir, &self.path(ending))
    }

    /// The digest of what the entry was made from, as its files are named.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The cache folder.
    pub(super) fn folder(&self) -> &Path {
        &self.dir
    }

    /// An empty file that becomes the one with that ending when [published](Self::publish).
    pub(super) fn create(&self, ending: &str) -> Result<Temporary> {
        Temporary::create(self.path(&format!("{ending}.{TEMPORARY}")))
    }

    /// An empty folder to work in, gone with the next build at the latest.
    pub(super) fn work_folder(&self) -> Result<PathBuf> {
        let path = self.path(&format!("work.{TEMPORARY}"));
        fs::create_dir(&path).map_err(|error| storage("making", &path, &error))?;
        Ok(path)
    }

    pub(super) fn remove_work_folder(&self) -> Result<()> {
        remove(&self.path(&format!("work.{TEMPORARY}")))
    }

    /// Gives a complete temporary its final name, durably.
    pub(super) fn publish(&self, temporary: Temporary, ending: &str) -> Result<PathBuf> {
        let path = self.path(ending);
        temporary.publish(&path)?;
        Ok(path)
    }

    /// The same for a file somebody else wrote into the [work folder](Self::work_folder).
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

    /// Replaces the small file with that ending.
    pub(super) fn write(&self, ending: &str, text: &str) -> Result<()> {
        replace(&self.path(ending), text)
    }

    /// Removes the file with that ending, if it exists.
    pub(super) fn remove(&self, ending: &str) -> Result<()> {
        remove(&self.path(ending))
    }

    /// What has been downloaded of the entry's source so far.
    pub(super) fn partial(&self, url: &str) -> Result<Partial> {
        Partial::open(self, url)
    }

    /// Only called with the lock held: whoever wrote them is gone.
    fn sweep(&self) -> Result<()> {
        let all = temporaries(&self.dir)?;
        all.iter()
            .filter(|path| key_of(path) == self.key)
            .try_for_each(|path| remove(path))
    }
}

/// A file being written; removed when dropped before it was published.
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
            // What cannot be removed now is removed by the next build's sweep.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Replaces a small file of a locked entry, durably: the old content or the new, never half of one.
pub(super) fn replace(path: &Path, text: &str) -> Result<()> {
    let temporary = Temporary::create(with_ending(path, TEMPORARY))?;
    temporary
        .file()
        .write_all(text.as_bytes())
        .map_err(|error| storage("writing", path, &error))?;
    temporary.publish(path)
}

/// Opens a file to read it and go on writing where it ends, making it if needed. Not in append mode, in which Windows
/// refuses to shorten a file.
pub(super) fn resume(path: &Path) -> Result<File> {
    open(owner::new_file().read(true), path)
}

/// Whether only this user can have written this file of the cache folder; one that is absent nobody has.
pub(super) fn is_ours(folder: &Path, path: &Path) -> Result<bool> {
    let both = owner::is_ours(folder).and_then(|folder| Ok(folder && owner::is_ours(path)?));
    match both {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        both => both.map_err(|error| storage("looking at", path, &error)),
    }
}

/// `path` with another ending after those it has.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".");
    path.push(ending);
    path.into()
}

/// A failure of the disk, with what can be done about it.
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

/// Makes a rename in the folder last through a power cut, where folders can be opened at all.
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

/// Whether this program gave that name to something it was writing. A stranger's `notes.tmp` is none of its business.
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

/// Whether entries have such keys: a SHA-256, or one after `local-`, or the name of the pins.
fn is_key(key: &str) -> bool {
    key == PINS || is_sha256(key.strip_prefix("local-").unwrap_or(key))
}

/// Everything before the first dot of the name.
fn key_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}
