//! Permission bits of the state directory. Systems without them protect the directory in their own way.

use std::fs::{DirBuilder, Metadata};
use std::io;
use std::path::Path;

use fs_err::{File, OpenOptions};

/// Returns options for a new file that only its owner may read.
pub(super) fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Returns a builder for a directory that only its owner may enter.
pub(super) fn private_folder() -> DirBuilder {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Refuses a file or directory that other users may access.
#[cfg(unix)]
pub(super) fn check_private(path: &Path, wanted: u32) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    use crate::failure::Kind;

    let metadata = fs_err::metadata(path)?;
    let mode = metadata.permissions().mode() & 0o7777;
    let of_others = mode & 0o077;
    if of_others == 0 {
        return Ok(());
    }
    Err(Kind::Usage.error(
        format!("{} is open to others (mode {mode:04o})", path.display()),
        format!(
            "if nobody has read it, run: chmod {wanted:o} {}",
            path.display()
        ),
    ))
}

/// Accepts everything, because other systems have no such bits.
#[cfg(not(unix))]
pub(super) fn check_private(_path: &Path, _wanted: u32) -> anyhow::Result<()> {
    Ok(())
}

/// Returns whether the open file is still the one at `path`.
pub(super) fn is_file_at(file: &File, path: &Path) -> io::Result<bool> {
    match fs_err::metadata(path) {
        Ok(found) => Ok(is_same(&file.metadata()?, &found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The standard library exposes no file number on other systems; a recreated lock file has another creation time.
#[cfg(not(unix))]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    one.created().ok() == other.created().ok()
}
