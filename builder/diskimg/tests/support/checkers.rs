//! Checks of images by other programs. `tests/checkers.rs` shows that each rejects a bad image.

use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use diskimg::Storage;
use tempfile::NamedTempFile;

use super::images::bytes;
use super::run;

/// Copies an image to a sparse temporary file.
pub(crate) fn file(storage: &dyn Storage) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.as_file().set_len(storage.size()).unwrap();
    for (piece, offset) in bytes(storage)
        .chunks(1 << 16)
        .zip((0_u64..).step_by(1 << 16))
    {
        if piece.iter().any(|byte| *byte != 0) {
            file.seek(SeekFrom::Start(offset)).unwrap();
            file.write_all(piece).unwrap();
        }
    }
    file
}

/// Fails the test if e2fsck reports anything, even a remark.
#[track_caller]
pub(crate) fn e2fsck(storage: &dyn Storage) {
    let file = file(storage);
    if let Err(text) = e2fsck_file(file.path()) {
        panic!("e2fsck:\n{text}");
    }
}

pub(crate) fn e2fsck_file(path: &Path) -> Result<(), String> {
    let (accepted, text) = run("e2fsck", [Path::new("-fn"), path]);
    let suspicious = ["Fix?", "WARNING", "wrong", "IGNORED"];
    if accepted && !suspicious.iter().any(|word| text.contains(word)) {
        Ok(())
    } else {
        Err(text)
    }
}

/// Returns the output of `debugfs` for one request, without its version line.
pub(crate) fn debugfs(storage: &dyn Storage, request: &str) -> String {
    let file = file(storage);
    let path = file.path().to_str().unwrap();
    let (_, text) = run("debugfs", ["-R", request, path]);
    let lines = text.lines().filter(|line| !line.starts_with("debugfs "));
    lines.fold(String::new(), |text, line| text + line + "\n")
}

/// Fails the test if fsck.vfat reports anything.
#[track_caller]
pub(crate) fn fsck_vfat(storage: &dyn Storage) {
    let file = file(storage);
    if let Err(text) = fsck_vfat_file(file.path()) {
        panic!("fsck.vfat:\n{text}");
    }
}

pub(crate) fn fsck_vfat_file(path: &Path) -> Result<(), String> {
    let (accepted, text) = run("fsck.vfat", [Path::new("-n"), path]);
    // Every line other than the version and the summary is a finding.
    if accepted && text.lines().count() == 2 {
        Ok(())
    } else {
        Err(text)
    }
}

/// Checks a partition table with sfdisk and, if it is a GPT, with sgdisk.
pub(crate) fn table_file(path: &Path) -> Result<(), String> {
    let (accepted, text) = run("sfdisk", [Path::new("--verify"), path]);
    if !accepted || !text.contains("No errors detected") {
        return Err(text);
    }
    let (_, listing) = run("sfdisk", [Path::new("-l"), path]);
    if !listing.contains("Disklabel type: gpt") {
        return Ok(());
    }
    let (accepted, text) = run("sgdisk", [Path::new("-v"), path]);
    let suspicious = ["Caution", "corrupt", "ERROR"];
    let silent = !suspicious.iter().any(|word| text.contains(word));
    if accepted && silent && text.contains("No problems found") {
        Ok(())
    } else {
        Err(text)
    }
}

#[track_caller]
pub(crate) fn table(storage: &dyn Storage) {
    let file = file(storage);
    if let Err(text) = table_file(file.path()) {
        panic!("partition table:\n{text}");
    }
}
