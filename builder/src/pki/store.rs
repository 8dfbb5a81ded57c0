//! The state directory. No other module of `pki` writes files; `encrypted_key` reads the file with the passphrase.
//!
//! Reading checks modes. Writing is staged: nothing reaches the directory before everything was checked. Then each file is
//! written under a temporary name, synced, and renamed, in the order of staging; but the private files of a node come before its
//! certificates. A file is durable before another one that refers to it gets its name.
//! **Invariant**: a process killed at any moment leaves whole old or whole new files; `tests::interrupted` checks this.
#![expect(clippy::disallowed_methods, reason = "writes the state directory")]

use std::cell::Cell;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use fs_err::File;
use zeroize::Zeroizing;

use super::modes;
use crate::failure::Kind;
use crate::file::{if_exists, in_the_way, make_private_folder, sync_folder, writable};

/// An open, locked state directory with its pending writes.
pub(super) struct StateStore {
    folder: PathBuf,
    staged: Vec<(String, Zeroizing<Vec<u8>>)>,
    /// The lock is held until the store is dropped, because two builds may share a state directory.
    _lock: Option<File>,
    /// Whether this store made the directory, which is still empty and is removed unless something is committed.
    unused: Cell<bool>,
}

impl Drop for StateStore {
    fn drop(&mut self) {
        if self.unused.get() {
            // Best effort: an empty directory that cannot be removed is harmless.
            let _ = fs_err::remove_file(self.folder.join(LOCK));
            let _ = fs_err::remove_dir(&self.folder);
        }
    }
}

/// The name of the lock file, locked while a build works with the directory.
const LOCK: &str = ".lock";

impl StateStore {
    /// Opens the directory, creating it if needed; waits while another process has it open.
    ///
    /// `inspect` checks a directory without a lock file before one is created in it.
    pub(super) fn open<T>(
        folder: &Path,
        inspect: impl Fn(&StateReader) -> anyhow::Result<T>,
    ) -> anyhow::Result<Self> {
        refuse_file(folder)?;
        // A refused build removes the directory it made, so a process that waited for its lock starts again.
        loop {
            let existed = exists(folder)?;
            match Self::attempt(folder, existed, &inspect) {
                Ok(Some(store)) => return Ok(store),
                Err(error) if !existed || exists(folder)? => return Err(error),
                _ => {}
            }
        }
    }

    /// Opens the directory once; returns `None` if the lock was removed while this process waited for it.
    fn attempt<T>(
        folder: &Path,
        existed: bool,
        inspect: impl Fn(&StateReader) -> anyhow::Result<T>,
    ) -> anyhow::Result<Option<Self>> {
        let path = folder.join(LOCK);
        if !existed {
            make_folder(folder)?;
        }
        modes::check_private(folder, 0o700)?;
        if let Err(error) = inspect_stranger(folder, &path, inspect)
            // If another process has created the lock meanwhile, the directory is a state directory after all.
            && !exists(&path)?
        {
            if !existed {
                // Best effort: an empty directory that cannot be removed is harmless.
                let _ = fs_err::remove_dir(folder);
            }
            return Err(error);
        }
        let lock = open_lock(&path)?;
        lock.lock()?;
        let is_current = modes::is_file_at(&lock, &path)?;
        Ok(is_current.then(|| Self {
            folder: folder.to_owned(),
            staged: Vec::new(),
            _lock: Some(lock),
            unused: Cell::new(!existed),
        }))
    }

    /// Opens the directory for reading only: no directory is made, nothing is locked, and staged files are discarded.
    pub(super) fn preview(folder: &Path) -> anyhow::Result<Self> {
        refuse_file(folder)?;
        if exists(folder)? {
            modes::check_private(folder, 0o700)?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            staged: Vec::new(),
            _lock: None,
            unused: Cell::new(false),
        })
    }

    /// Returns a reader of the directory's current content, without the staged files.
    pub(super) fn reader(&self) -> StateReader {
        StateReader {
            folder: self.folder.clone(),
        }
    }

    /// Stages a write; `name` may contain directories.
    pub(super) fn stage(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.staged
            .push((name.into(), Zeroizing::new(bytes.into())));
    }

    /// Returns the name of the first staged file.
    pub(super) fn first_staged(&self) -> Option<&str> {
        self.staged.first().map(|(name, _)| name.as_str())
    }

    /// Performs the staged writes: first all bytes, then all names.
    pub(super) fn commit(&self) -> anyhow::Result<()> {
        self.unused.set(false);
        self.write_all()?;
        self.put_in_place(self.staged.len())
    }

    /// Removes a file, if it exists.
    pub(super) fn remove(&self, name: &str) -> anyhow::Result<()> {
        if_exists(fs_err::remove_file(self.folder.join(name)))?;
        Ok(sync_folder(&self.folder)?)
    }

    /// Writes every staged file under its temporary name. After a failure, for example on a full disk, none of them remains.
    pub(super) fn write_all(&self) -> anyhow::Result<()> {
        let mut written = Vec::new();
        for (name, bytes) in &self.staged {
            let path = self.folder.join(name);
            // What an interrupted run has written may be the only copy, so it is not written again.
            let left = read_if_exists(&temporary_path(&path))?.map(Zeroizing::new);
            if left.is_some_and(|left| left == *bytes) {
                continue;
            }
            written.push(temporary_path(&path));
            if let Err(error) = write_temporary(&path, bytes) {
                for path in written {
                    if_exists(fs_err::remove_file(path))?;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Renames the first `count` files to their own names, and syncs their directory after each group.
    pub(super) fn put_in_place(&self, count: usize) -> anyhow::Result<()> {
        let names = self.staged.iter().map(|(name, _)| name.as_str());
        let mut left = count;
        for mut group in groups(&names.collect::<Vec<_>>()) {
            group.truncate(left);
            left -= group.len();
            let paths = group.iter().map(|name| self.folder.join(name));
            let paths: Vec<PathBuf> = paths.collect();
            for path in &paths {
                fs_err::rename(temporary_path(path), path)?;
            }
            if let Some(path) = paths.first() {
                sync_folder(path.parent().unwrap_or(path))?;
            }
        }
        Ok(())
    }
}

/// Returns the names of files in groups whose members do not refer to each other: the private files of a node, then its certificates and
/// public keys. Any other file, such as those of the CA, is a group of its own.
fn groups<'n>(names: &[&'n str]) -> Vec<Vec<&'n str>> {
    let node = |name: &str| Some(name.strip_prefix("nodes/")?.split_once('/')?.0.to_owned());
    let of_one_node =
        |one: &&str, other: &&str| node(one).is_some_and(|it| Some(it) == node(other));
    let is_public = |name: &str| {
        let extension = Path::new(name).extension();
        extension.is_some_and(|it| it == "crt" || it == "pub")
    };
    let chunks = names.chunk_by(of_one_node);
    let halves = chunks.flat_map(|chunk| {
        let (public, private) = chunk
            .iter()
            .partition::<Vec<&str>, _>(|name| is_public(name));
        [private, public]
    });
    halves.filter(|group| !group.is_empty()).collect()
}

/// A reader of a state directory.
pub(super) struct StateReader {
    folder: PathBuf,
}

impl StateReader {
    /// Returns the path of a file, for messages.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Reads a public text, if it exists.
    pub(super) fn public(&self, name: &str) -> anyhow::Result<Option<String>> {
        let Some(bytes) = read_if_exists(&self.path(name))? else {
            return Ok(None);
        };
        // A certificate is ASCII; its parser finds any other content.
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Returns the names in a directory, sorted; none if it does not exist.
    pub(super) fn names(&self, folder: &str) -> anyhow::Result<Vec<String>> {
        let Some(entries) = if_exists(fs_err::read_dir(self.path(folder)))? else {
            return Ok(Vec::new());
        };
        let name = |entry: io::Result<fs_err::DirEntry>| {
            anyhow::Ok(entry?.file_name().to_string_lossy().into_owned())
        };
        let mut names: Vec<_> = entries.map(name).collect::<anyhow::Result<_>>()?;
        names.sort_unstable();
        Ok(names)
    }

    /// Reads a secret, if it exists; only its owner may have access to it.
    pub(super) fn secret(&self, name: &str) -> anyhow::Result<Option<Zeroizing<Vec<u8>>>> {
        let path = self.path(name);
        let bytes = read_if_exists(&path)?.map(Zeroizing::new);
        if bytes.is_some() {
            modes::check_private(&path, 0o600)?;
        }
        Ok(bytes)
    }

    /// Returns the file of this name that an interrupted run wrote but did not put in place.
    pub(super) fn left_over(&self, name: &str) -> anyhow::Result<Option<Zeroizing<Vec<u8>>>> {
        Ok(read_if_exists(&temporary_path(&self.path(name)))?.map(Zeroizing::new))
    }
}

fn inspect_stranger<T>(
    folder: &Path,
    lock: &Path,
    inspect: impl Fn(&StateReader) -> anyhow::Result<T>,
) -> anyhow::Result<()> {
    if !exists(lock)? {
        inspect(&StateReader {
            folder: folder.to_owned(),
        })?;
    }
    Ok(())
}

/// Refuses a path on which a file takes the place of a directory.
fn refuse_file(folder: &Path) -> anyhow::Result<()> {
    let Some(file) = in_the_way(folder) else {
        return Ok(());
    };
    let (shown, file) = (folder.display(), file.display());
    Err(Kind::Usage.error(
        format!("the state directory {shown} cannot exist: {file} is not a directory"),
        "name another directory with `--state`",
    ))
}

fn exists(path: &Path) -> anyhow::Result<bool> {
    Ok(fs_err::exists(path)?)
}

fn read_if_exists(path: &Path) -> anyhow::Result<Option<Vec<u8>>> {
    Ok(if_exists(fs_err::read(path))?)
}

fn make_folder(folder: &Path) -> anyhow::Result<()> {
    make_private_folder(folder).with_context(|| format!("creating {}", folder.display()))
}

/// Opens the lock for writing, without which NFS grants no exclusive lock. A complete state may lie on a read-only disk, where an
/// existing lock is opened for reading.
fn open_lock(path: &Path) -> io::Result<File> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    match writable(0o600).create(true).truncate(false).open(path) {
        Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) => {
            if_exists(File::open(path))?.ok_or(error)
        }
        opened => opened,
    }
}

fn write_temporary(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().unwrap_or(Path::new(""));
    make_folder(folder)?;
    let temporary = temporary_path(path);
    // An old temporary file may have another mode, which opening it again would preserve.
    if_exists(fs_err::remove_file(&temporary))?;
    let mut file = writable(0o600).create_new(true).open(&temporary)?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}

/// Returns the single temporary name of a file: the lock excludes other processes, and a leftover is overwritten.
fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_durable_before_another_one_refers_to_it() {
        let staged = [
            "seed",
            "ca.key",
            "ca.crt",
            "nodes/etcd1/server.key",
            "nodes/etcd1/server.crt",
            "nodes/etcd1/ssh_host_ed25519_key",
            "nodes/etcd1/ssh_host_ed25519_key.pub",
            "nodes/etcd2/server.crt",
            "nodes/etcd3/server.key",
            "cluster.json",
        ];
        let wanted: [&[&str]; 8] = [
            &["seed"],
            &["ca.key"],
            &["ca.crt"],
            &["nodes/etcd1/server.key", "nodes/etcd1/ssh_host_ed25519_key"],
            &[
                "nodes/etcd1/server.crt",
                "nodes/etcd1/ssh_host_ed25519_key.pub",
            ],
            &["nodes/etcd2/server.crt"],
            &["nodes/etcd3/server.key"],
            &["cluster.json"],
        ];
        assert_eq!(groups(&staged), wanted);
    }

    #[test]
    fn an_existing_lock_is_opened_for_writing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        fs_err::write(&path, "").unwrap();
        let mut lock = open_lock(&path).unwrap();
        lock.write_all(b"x").unwrap();
    }
}
