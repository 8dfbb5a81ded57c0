//! Files as this program creates them: with fixed permission bits and durable names, on every system.

use std::io;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::path::Path;

use fs_err::{File, OpenOptions};
use tempfile::NamedTempFile;

/// The beginning and the end of the name of a file that is being written.
pub(crate) const PARTIAL_NAME: [&str; 2] = [".etcd-image-", ".partial"];

/// Returns what was read, or `None` if there is no such file, also because its directory is a file.
pub(crate) fn if_exists<T>(read: io::Result<T>) -> io::Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns options for writing a file that gets these permission bits, whatever the umask, if it is created.
pub(crate) fn writable(mode: u32) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options
}

/// Creates a directory and its parents, closed to other users; an existing directory stays unchanged.
#[expect(
    clippy::disallowed_methods,
    reason = "creates directories for the modules that write files"
)]
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Returns the part of a path that is a file, where no directory can be made.
pub(crate) fn in_the_way(path: &Path) -> Option<&Path> {
    let is_file = |part: &&Path| part.metadata().is_ok_and(|part| !part.is_dir());
    path.ancestors().find(is_file)
}

/// Returns whether a name can only be that of a file or directory in the directory that it is joined to.
pub(crate) fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\\', ':', '\0'])
}

/// Returns the directory of a file.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Returns whether this is the name of a file that is being written, or that a killed process has left behind.
pub(crate) fn is_partial_name(name: &str) -> bool {
    let [prefix, suffix] = PARTIAL_NAME;
    name.starts_with(prefix) && name.ends_with(suffix)
}

/// Creates a file beside its final path that only its owner may read, and that is removed unless it is renamed.
#[expect(
    clippy::disallowed_methods,
    reason = "creates files for the modules that write them"
)]
pub(crate) fn create_partial(path: &Path) -> io::Result<NamedTempFile> {
    let [prefix, suffix] = PARTIAL_NAME;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{prefix}{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(suffix);
    builder.tempfile_in(directory_of(path))
}

/// Makes a complete file durable under its final path.
pub(crate) fn publish_partial(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(directory_of(path))
}

/// Makes renames in the directory durable. Windows cannot open a directory for this, and NTFS journals the rename.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(path)?.sync_all(),
        false => Ok(()),
    }
}
