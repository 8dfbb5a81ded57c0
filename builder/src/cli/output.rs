//! Writes the files that the user requests, apart from images and state, which have their own modules.
#![expect(
    clippy::disallowed_methods,
    reason = "writes the file that the user asks for"
)]

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;

use crate::failure::{Failure, Kind};
use crate::file::{directory_of, if_exists, publish_partial, writable};

/// Writes a file that must not exist yet.
pub fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Kind::Usage.error(
                format!("{} exists already", path.display()),
                "name another file with `--config`, or move this one away",
            ));
        }
        opened => opened.with_context(|| unwritable(path))?,
    };
    file.write_all(text.as_bytes())
        .inspect_err(|_| {
            // Half a file would be in the way of the next attempt.
            let _ = std::fs::remove_file(path);
        })
        .with_context(|| unwritable(path))
}

/// Durably replaces a text file, or creates one that every user may read. An interruption leaves the old file or the new one. An
/// existing file keeps its mode; a symbolic link stays in place, and its target is replaced.
pub fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    replace_target(path, text).with_context(|| unwritable(path))
}

fn replace_target(path: &Path, text: &str) -> io::Result<()> {
    let target = if_exists(fs_err::canonicalize(path))?.unwrap_or_else(|| path.to_owned());
    let before = if_exists(fs_err::metadata(&target))?.map(|it| it.permissions());
    let mut builder = tempfile::Builder::new();
    builder.prefix(".etcd-image.").suffix(".new");
    let create = |path: &Path| {
        let file = writable(0o644).create_new(true).open(path)?;
        Ok(file.into_parts().0)
    };
    let mut file = builder.make_in(directory_of(&target), create)?;
    // Without the temporary name, which the message would contain otherwise.
    file.as_file_mut().write_all(text.as_bytes())?;
    if let Some(before) = before {
        file.as_file().set_permissions(before)?;
    }
    publish_partial(file, &target)
}

/// Durably replaces or creates files of a directory, which is made if it does not exist.
pub fn replace_all<'a>(
    folder: &Path,
    files: impl IntoIterator<Item = (String, &'a str)>,
) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder).with_context(|| unwritable(folder))?;
    files
        .into_iter()
        .try_for_each(|(name, text)| replace(&folder.join(name), text))
}

/// Writes a file, replacing an existing one.
pub(super) fn write_over(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| unwritable(path))
}

fn unwritable(path: &Path) -> Failure {
    Kind::Storage.context(
        format!("writing {}", path.display()),
        "make sure that the directory exists, is writable and has room",
    )
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_replaced_file_keeps_its_mode_and_its_link() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let mode = |name: &str| fs_err::metadata(at(name)).unwrap().permissions().mode() & 0o777;
        replace(&at("new"), "1").unwrap();
        assert_eq!(mode("new"), 0o644);
        fs_err::write(at("private"), "1").unwrap();
        fs_err::set_permissions(at("private"), std::fs::Permissions::from_mode(0o600)).unwrap();
        symlink("private", at("link")).unwrap();
        replace(&at("link"), "2").unwrap();
        assert_eq!(mode("private"), 0o600);
        assert!(at("link").is_symlink());
        assert_eq!(fs_err::read_to_string(at("private")).unwrap(), "2");
    }
}
