//! Reads and checks the boot partition with dosfstools and mtools.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::Verdict;
use crate::support::fixture::digest;
use crate::support::tool::{Said, tool};

/// Checks that `fsck.vfat -n` exits with 0: no lost chain, no dirty flag, no wrong count.
pub(crate) fn fat(partition: &Path) -> Verdict {
    let said = tool("fsck.vfat", &["-n".as_ref(), partition.as_os_str()]);
    // It exits with 0 even if the free count is wrong, which it only "auto-corrects".
    let clean = said.code == Some(0) && !said.text().contains("wrong");
    if clean { Ok(()) } else { Err(said.words()) }
}

/// A FAT file system, read through mtools.
#[derive(Debug)]
pub(crate) struct Fat<'a> {
    partition: &'a Path,
}

impl<'a> Fat<'a> {
    /// Creates a reader for an extracted partition.
    pub(crate) fn new(partition: &'a Path) -> Self {
        Self { partition }
    }

    /// Returns a file's content, or `None` if the file does not exist.
    pub(crate) fn content(&self, name: &str) -> Option<Vec<u8>> {
        let said = self.mtools("mtype", &[&format!("::{name}")]);
        (said.code == Some(0)).then_some(said.out)
    }

    /// Copies every file and directory into a directory.
    pub(crate) fn copy(&self, to: &Path) {
        let arguments = ["-s", "-n", "-m", "::/", to.to_str().unwrap()];
        self.mtools("mcopy", &arguments).done();
    }

    /// Returns one line per entry (8.3 name, size, date, attributes, digest of the content), by path.
    pub(crate) fn lines(&self) -> BTreeMap<String, String> {
        let out = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        self.copy(out.path());
        let listing = self.mtools("mdir", &["-/", "-a", "::/"]).done().text();
        let attributes = self.mtools("mattrib", &["-/", "-X", "::"]).done().text();
        let mut lines = listed(&listing);
        for (path, line) in &mut lines {
            let copy = out.path().join(path.trim_start_matches('/'));
            if fs::metadata(&copy).is_ok_and(|meta| meta.is_file()) {
                *line = format!("{line} {}", digest(&copy));
            }
        }
        for (letters, path) in attributes.lines().filter_map(|line| line.split_once(" ::")) {
            lines
                .entry(path.to_owned())
                .and_modify(|line| *line = format!("{line} {letters}"));
        }
        lines
    }

    fn mtools(&self, program: &str, arguments: &[&str]) -> Said {
        let mut all = vec!["-i", self.partition.to_str().unwrap()];
        all.extend(arguments);
        tool(program, &all)
    }
}

/// Returns the raw lines of `mdir -/` by path; the columns are name, extension, size, date, time, long name.
fn listed(listing: &str) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    let mut folder = String::new();
    for line in listing.lines() {
        if let Some(name) = line.strip_prefix("Directory for ::") {
            name.trim_end_matches('/').clone_into(&mut folder);
        } else if let Some(name) = name(line) {
            lines.insert(format!("{folder}/{name}"), line.trim_end().to_owned());
        }
    }
    lines
}

/// Returns the long name of an entry's line, or else the short one; `None` for headings, totals, `.` and `..`.
fn name(line: &str) -> Option<String> {
    let date = line.get(23..33)?;
    if date.as_bytes()[4] != b'-' || line.starts_with('.') {
        return None;
    }
    let long = line.get(42..).unwrap_or_default().trim();
    let (stem, ending) = (line[..8].trim(), line[9..12].trim());
    Some(match (long, ending) {
        ("", "") => stem.to_owned(),
        ("", _) => format!("{stem}.{ending}"),
        (long, _) => long.to_owned(),
    })
}
