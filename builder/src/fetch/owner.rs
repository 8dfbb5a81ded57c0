//! Checks whether other users of this machine can write to a file, in which case its content proves nothing.

use std::io;
use std::path::Path;

/// Returns whether only this user, or root, can change the file or the entries of the directory.
#[cfg(unix)]
pub(super) fn is_ours(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    let metadata = fs_err::metadata(path)?;
    let owner = metadata.uid();
    let user = rustix::process::geteuid().as_raw();
    Ok((owner == user || owner == 0) && metadata.mode() & WRITABLE_BY_OTHERS == 0)
}

/// Returns `false`: the standard library does not report who may write here, so everything is checked.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same as on Unix")]
pub(super) fn is_ours(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Returns options for new files of the cache, which other users may read but not change, whatever the umask.
pub(super) fn new_file() -> fs_err::OpenOptions {
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    options
}

/// Creates a directory and its parents, closed to other users; an existing directory stays unchanged.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
