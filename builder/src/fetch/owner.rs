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
