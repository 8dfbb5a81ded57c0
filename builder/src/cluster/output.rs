//! Writes files on the operator's machine: under a temporary name, synced, then renamed.
#![expect(
    clippy::disallowed_methods,
    reason = "writes the files that the user asks for"
)]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use tempfile::NamedTempFile;

use crate::failure::{Failure, Kind};

/// The prefix and suffix of the name of a file that is being written.
const OURS: &str = ".etcd-image-";
const PARTIAL: &str = ".partial";

/// Replaces a text file that other users may read; a reader sees the old or the new content.
pub fn replace(path: &Path, text: &str) -> Result<()> {
    let folder = folder(path);
    let mut file = temporary(folder, path)?;
    let write = |file: &mut NamedTempFile| {
        file.write_all(text.as_bytes())?;
        set_readable(file.as_file())?;
        file.as_file().sync_all()
    };
    write(&mut file).with_context(|| unwritable(path))?;
    file.persist(path)
        .map_err(|error| error.error)
        .with_context(|| unwritable(path))?;
    sync_folder(folder)
}

/// Returns the directory of a file.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Creates a file that only its owner may read and that is removed unless it is renamed.
fn temporary(folder: &Path, path: &Path) -> Result<NamedTempFile> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{OURS}{name}.");
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(PARTIAL);
    builder
        .tempfile_in(folder)
        .with_context(|| unwritable(path))
}

/// Returns the failure to attach to an I/O error: the place and the next step.
fn unwritable(path: &Path) -> Failure {
    Kind::Storage.context(
        format!("writing {}", path.display()),
        "make sure that the directory exists, is writable and has room, or name another file",
    )
}

#[cfg(unix)]
fn set_readable(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

/// Does nothing: Windows has no permission bits.
#[cfg(not(unix))]
fn set_readable(_file: &File) -> std::io::Result<()> {
    Ok(())
}

/// Makes renames in the directory durable.
#[cfg(unix)]
fn sync_folder(path: &Path) -> Result<()> {
    let folder = File::open(path).with_context(|| unwritable(path))?;
    folder.sync_all().with_context(|| unwritable(path))
}

/// Does nothing: Windows cannot open a directory for this, and NTFS journals the rename.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> Result<()> {
    Ok(())
}
