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
use crate::file::{sync_folder, writable};

/// Writes a file that must not exist yet.
pub fn write_new(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Kind::Usage.error(
                format!("{} exists already", path.display()),
                "name another file with --config, or move this one away",
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

/// Durably replaces a file that everybody may read, or creates it. An interruption leaves the old file or the new one.
pub fn replace(path: &Path, text: &str) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let write = || -> io::Result<()> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".etcd-image.").suffix(".new");
        let create = |path: &Path| writable(0o644).create_new(true).open(path);
        let mut file = builder.make_in(folder, create)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        sync_folder(folder)
    };
    write().with_context(|| unwritable(path))
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
    create(path, OpenOptions::new().create(true).truncate(true), bytes)
        .with_context(|| unwritable(path))
}

fn create(path: &Path, options: &mut OpenOptions, bytes: &[u8]) -> io::Result<()> {
    options.write(true).open(path)?.write_all(bytes)
}

fn unwritable(path: &Path) -> Failure {
    Kind::Storage.context(
        format!("writing {}", path.display()),
        "check that the directory exists and is writable",
    )
}
