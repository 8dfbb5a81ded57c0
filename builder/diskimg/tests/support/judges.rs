//! What foreign programs say about an image. Each has a test below that it rejects a bad one.

use std::path::Path;

use diskimg::Storage;
use tempfile::NamedTempFile;

use super::images::bytes;
use super::run;

/// The image as a file, as long as the value lives.
pub(crate) fn file(storage: &dyn Storage) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes(storage)).unwrap();
    file
}

/// e2fsck finds nothing to complain about, not even something it would only mention.
#[track_caller]
pub(crate) fn e2fsck(storage: &dyn Storage) {
    let file = file(storage);
    if let Err(text) = e2fsck_file(file.path()) {
        panic!("e2fsck:\n{text}");
    }
}

pub(crate) fn e2fsck_file(path: &Path) -> Result<(), String> {
    let (content, text) = run("e2fsck", [Path::new("-fn"), path]);
    let suspicious = ["Fix?", "WARNING", "wrong", "IGNORED"];
    match content && !suspicious.iter().any(|word| text.contains(word)) {
        true => Ok(()),
        false => Err(text),
    }
}

/// What `debugfs` answers to one request.
pub(crate) fn debugfs(storage: &dyn Storage, request: &str) -> String {
    let file = file(storage);
    let (_, text) = run("debugfs", ["-R", request, file.path().to_str().unwrap()]);
    let (_, answer) = text
        .split_once("debugfs 1.")
        .map_or(("", text.as_str()), |_| ("", text.as_str()));
    answer.to_owned()
}

/// fsck.vfat finds nothing to complain about.
#[track_caller]
pub(crate) fn fsck_vfat(storage: &dyn Storage) {
    let file = file(storage);
    if let Err(text) = fsck_vfat_file(file.path()) {
        panic!("fsck.vfat:\n{text}");
    }
}

pub(crate) fn fsck_vfat_file(path: &Path) -> Result<(), String> {
    let (content, text) = run("fsck.vfat", [Path::new("-n"), path]);
    // Beside the version and the summary every line is a complaint.
    match content && text.lines().count() == 2 {
        true => Ok(()),
        false => Err(text),
    }
}
