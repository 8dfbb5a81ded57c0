//! Files as this program creates them: with fixed permission bits and durable names, on every system.

use std::io;
use std::io::ErrorKind::{NotADirectory, NotFound};
use std::path::Path;

use fs_err::{File, OpenOptions};

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

/// Makes renames in the directory durable. Windows cannot open a directory for this, and NTFS journals the rename.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match cfg!(unix) {
        true => File::open(path)?.sync_all(),
        false => Ok(()),
    }
}
