//! Permission bits of the state directory. Systems without them protect the directory in their own way.

use std::fs::Metadata;
use std::io;
use std::path::Path;

use fs_err::File;

use crate::file::if_exists;

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
            "if nobody has read it, run: chmod {wanted:o} {}; \
             if that changes nothing, name a directory on a file system with permissions (`--state`)",
            crate::shell::path(path)
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
    let found = if_exists(fs_err::metadata(path))?;
    let own = file.metadata()?;
    Ok(found.is_some_and(|found| is_same(&own, &found)))
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

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    /// exFAT, shares of Windows and WSL's `/mnt/c` let everyone read everything, whatever chmod says.
    #[test]
    fn a_file_system_without_permissions_is_thought_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
        let error = super::check_private(path, 0o700).unwrap_err();
        let expected = format!(
            "if nobody has read it, run: chmod 700 {}; if that changes nothing, name a directory on a file system with permissions (`--state`)",
            path.display()
        );
        assert_eq!(crate::failure::explain(&error).1, expected);
    }
}
