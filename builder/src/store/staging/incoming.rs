//! The directory in the cache for files of a store while a command reads them.
#![expect(clippy::disallowed_methods, reason = "keeps what comes from a store")]

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::place::{incoming, lock_file, make_folder, unwritable};
use crate::failure::Kind;
use crate::file::{if_exists, make_private_folder, writable};
use crate::interrupt::{self, InterruptGuard};

/// A directory for the files of a store while they are used; removed when dropped, also if the program is interrupted.
///
/// `incoming/` in the cache holds it, closed to other users. What a killed run has left there is removed by the next one.
#[derive(Debug)]
pub(crate) struct Incoming {
    path: PathBuf,
    /// Removes the directory before the lock is released.
    _folder: InterruptGuard,
    _lock: File,
}

impl Incoming {
    /// Creates the directory; fails while another command reads from a store.
    pub(crate) fn open(cache: &Path) -> Result<Self> {
        let all = incoming(cache);
        let prepare = || -> io::Result<File> {
            make_folder(cache)?;
            lock_file(&all.with_extension("lock"))
        };
        let lock = prepare().with_context(|| unwritable(&all))?;
        if lock.try_lock().is_err() {
            return Err(Kind::Storage.error(
                "another command on this machine reads images from a store",
                "wait until it is done; `flash` writes several cards at once",
            ));
        }
        // An interruption removes the directory, or prevents its creation.
        let _step = interrupt::uninterrupted();
        let make = || -> io::Result<TempDir> {
            if_exists(fs_err::remove_dir_all(&all))?;
            make_folder(&all)?;
            tempfile::tempdir_in(&all)
        };
        let folder = make().with_context(|| unwritable(&all))?;
        Ok(Self {
            path: folder.path().to_owned(),
            _folder: InterruptGuard::new(folder),
            _lock: lock,
        })
    }

    /// Returns the path of the directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a file in the directory, or in one inside it, with what `write` gives it. Only its owner can read it.
    pub(crate) fn write(
        &self,
        name: &str,
        write: impl FnOnce(&mut File) -> Result<()>,
    ) -> Result<()> {
        let path = self.path().join(name);
        let create = || {
            // An interruption removes the directory and ends the program before another file is created.
            let _step = interrupt::uninterrupted();
            make_private_folder(path.parent().unwrap_or(&path))?;
            writable(0o600).create_new(true).open(&path)
        };
        let file = create().with_context(|| unwritable(&path))?;
        write(&mut file.into_parts().0)
    }

    /// Removes a file of the directory.
    pub(crate) fn remove(&self, name: &str) -> Result<()> {
        let path = self.path().join(name);
        fs_err::remove_file(&path).with_context(|| unwritable(&path))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, lchown};

    use super::*;

    const NOBODY: u32 = 65_534;

    #[test]
    fn what_a_user_has_in_the_directory_of_root_stays_theirs() {
        let cache = TempDir::new().unwrap();
        let lock = cache.path().join("incoming.lock");
        fs_err::write(&lock, "").unwrap();
        // Only root can give a file away.
        if lchown(&lock, Some(NOBODY), Some(NOBODY)).is_err() {
            return;
        }
        Incoming::open(cache.path()).unwrap();
        assert_eq!(lock.symlink_metadata().unwrap().uid(), NOBODY);
    }

    #[test]
    fn what_root_creates_in_the_cache_of_another_user_belongs_to_that_user() {
        let home = TempDir::new().unwrap();
        // Only root can give a directory away.
        if lchown(home.path(), Some(NOBODY), Some(NOBODY)).is_err() {
            return;
        }
        let cache = home.path().join("cache/etcd-image");
        let incoming = Incoming::open(&cache).unwrap();
        incoming.write("a.img", |_| Ok(())).unwrap();
        let owner = |path: &Path| path.symlink_metadata().unwrap().uid();
        for name in ["cache", "cache/etcd-image"] {
            assert_eq!(owner(&home.path().join(name)), NOBODY, "{name}");
        }
        for name in ["incoming", "incoming.lock"] {
            assert_eq!(owner(&cache.join(name)), NOBODY, "{name}");
        }
        // The files themselves are those of the command.
        assert_eq!(owner(&incoming.path().join("a.img")), 0);
    }
}
