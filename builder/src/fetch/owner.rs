//! Whether other users of this machine can write to a file: what is read from such a file proves nothing.

use std::io;
use std::path::Path;

/// Whether only this user, or root, can change the file or the entries of the folder.
#[cfg(unix)]
pub(super) fn is_ours(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt as _;
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    let metadata = fs_err::metadata(path)?;
    let owner = metadata.uid();
    let user = rustix::process::geteuid().as_raw();
    Ok((owner == user || owner == 0) && metadata.mode() & WRITABLE_BY_OTHERS == 0)
}

/// The standard library does not say who may write here, so that everything is checked.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the same as on Unix")]
pub(super) fn is_ours(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

/// Options for new files of the cache, which other users may read but not change, whatever the umask.
pub(super) fn new_file() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o644);
    options
}

/// Makes a folder, and those above it, that other users may not enter; one that exists is left as it is.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
