//! Keeps what the program remembers about a fixture, its digest, so that only the first run of all tests hashes it.
//!
//! The program itself compares the record with the file's size, times and inode, and hashes a changed file again.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::fixture::cache;

/// Copies the kept record of this fixture into the program's cache, unless the cache holds one.
pub(crate) fn restore(base: &Path, to: &Path) {
    let Some(kept) = place(base) else { return };
    for path in records(&kept) {
        fs::create_dir_all(to).unwrap();
        let target = to.join(path.file_name().unwrap());
        if !target.exists() {
            fs::copy(&path, target).unwrap();
        }
    }
}

/// Keeps the record that the program made of this fixture.
pub(crate) fn keep(base: &Path, from: &Path) {
    let Some(kept) = place(base) else { return };
    for path in records(from) {
        let target = kept.join(path.file_name().unwrap());
        if target.exists() {
            continue;
        }
        fs::create_dir_all(&kept).unwrap();
        // Other tests read at the same time, so the record appears complete.
        let temporary = NamedTempFile::new_in(&kept).unwrap();
        fs::copy(&path, temporary.path()).unwrap();
        temporary.persist(target).unwrap();
    }
}

/// Returns the directory of a fixture's records, or `None` for any other file.
fn place(base: &Path) -> Option<PathBuf> {
    let fixtures = cache();
    base.starts_with(&fixtures)
        .then(|| fixtures.join("records").join(base.file_name().unwrap()))
}

fn records(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_record = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("local-") && name.ends_with(".toml")
    };
    paths.filter(is_record).collect()
}
