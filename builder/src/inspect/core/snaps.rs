//! Snaps of an Ubuntu Core image: squashfs files, read without unpacking them.

use std::collections::BTreeSet;
use std::io::{Cursor, Read as _};

use anyhow::Result;
use backhand::{FilesystemReader, InnerNode};
use diskimg::ReadFs;

use super::{COPY, unsupported};
use crate::failure::Kind;

/// Size limit of a settings file.
const LIMIT: u64 = 1 << 20;

/// A snap in memory.
pub(super) struct Snap {
    /// The file name without its extension: name and revision, e.g. `core24_490`.
    pub(super) name: String,
    files: FilesystemReader<'static>,
}

impl Snap {
    /// Opens the only snap of that name in the directory.
    pub(super) fn open(fs: &mut dyn ReadFs, folder: &str, name: &str) -> Result<Self> {
        let prefix = format!("{name}_");
        let names = match fs.metadata(folder)? {
            Some(_) => fs.read_dir(folder)?,
            None => Vec::new(),
        };
        let revision = |file: &&String| {
            let rest = file.strip_prefix(&prefix)?.strip_suffix(".snap")?;
            rest.bytes()
                .all(|byte| byte.is_ascii_alphanumeric())
                .then_some(())
        };
        let found: Vec<&String> = names
            .iter()
            .filter(|file| revision(file).is_some())
            .collect();
        let [file] = found[..] else {
            let what = format!(
                "{} snaps called {name} are in {folder}, not one",
                found.len()
            );
            return Err(unsupported(what, COPY));
        };
        let path = format!("{folder}/{file}");
        let files =
            FilesystemReader::from_reader(Cursor::new(fs.read(&path)?)).map_err(|error| {
                let what = format!("{path} is not a readable squashfs: {error}");
                Kind::Corrupt.error(what, COPY)
            })?;
        Ok(Self {
            name: file.trim_end_matches(".snap").to_owned(),
            files,
        })
    }

    /// Returns whether the snap contains this path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.files
            .files()
            .any(|node| node.fullpath.as_os_str() == path)
    }

    /// Returns every path in the snap.
    pub(super) fn paths(&self) -> BTreeSet<String> {
        let paths = self
            .files
            .files()
            .map(|node| node.fullpath.display().to_string());
        paths.collect()
    }

    /// Returns the content of a text file in the snap, if it exists.
    pub(super) fn text(&self, path: &str) -> Result<Option<String>> {
        let mut nodes = self.files.files();
        let Some(node) = nodes.find(|node| node.fullpath.as_os_str() == path) else {
            return Ok(None);
        };
        let InnerNode::File(file) = &node.inner else {
            return Ok(None);
        };
        let mut text = String::new();
        let read = self
            .files
            .file(file)
            .reader()
            .take(LIMIT)
            .read_to_string(&mut text);
        read.map_err(|error| {
            let what = format!("{path} of the snap {} cannot be read: {error}", self.name);
            Kind::Corrupt.error(what, COPY)
        })?;
        Ok(Some(text))
    }
}
