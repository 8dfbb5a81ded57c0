//! A file system as a running system sees it: symbolic links are followed, also the last one.

use std::collections::BTreeMap;

use anyhow::Result;
use diskimg::{FileKind, Metadata, ReadFs};

/// The most links that are followed for one path, as on Linux.
const LINK_LIMIT: u32 = 40;

/// The largest file that is read. Configuration is much smaller; dpkg's records of a desktop have a few megabytes.
const TEXT_LIMIT: u64 = 8 << 20;

/// The places of configuration files, those of the owner first.
const LAYERS: [&str; 3] = ["/etc", "/usr/local/lib", "/usr/lib"];

/// A file system open for checks. It caches lookups, since most paths share their first directories.
pub(super) struct Tree<'a> {
    fs: &'a mut dyn ReadFs,
    known: BTreeMap<String, Option<Metadata>>,
    listed: BTreeMap<String, Vec<String>>,
}

impl<'a> Tree<'a> {
    pub(super) fn new(fs: &'a mut dyn ReadFs) -> Self {
        Self {
            fs,
            known: BTreeMap::new(),
            listed: BTreeMap::new(),
        }
    }

    /// Returns the path without links, and the metadata of what lies there; `None` if nothing does.
    pub(super) fn resolve(&mut self, path: &str) -> Result<Option<(String, Metadata)>> {
        let (here, found) = self.follow(path)?;
        Ok(found.map(|metadata| (here, metadata)))
    }

    /// Returns the path without links. What does not exist, as below /run in an image, has none.
    pub(super) fn destination(&mut self, path: &str) -> Result<String> {
        Ok(self.follow(path)?.0)
    }

    /// Follows the links of a path.
    fn follow(&mut self, path: &str) -> Result<(String, Option<Metadata>)> {
        let mut here = String::new();
        let mut found = None;
        let mut exists = true;
        let mut ahead: Vec<String> = path.split('/').rev().map(str::to_owned).collect();
        let mut links_left = 0..LINK_LIMIT;
        while let Some(name) = ahead.pop() {
            match name.as_str() {
                "" | "." => continue,
                ".." => {
                    here.truncate(here.rfind('/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let next = format!("{here}/{name}");
            let metadata = match exists {
                true => self.metadata(&next)?,
                false => None,
            };
            let Some(metadata) = metadata else {
                (here, exists) = (next, false);
                continue;
            };
            if metadata.kind != FileKind::Symlink {
                (here, found) = (next, Some(metadata));
                continue;
            }
            let target = self.fs.read_link(&next)?;
            if links_left.next().is_none() {
                return Ok((next, None));
            }
            if target.starts_with('/') {
                here.clear();
            }
            ahead.extend(target.split('/').rev().map(str::to_owned));
        }
        Ok((here, found.filter(|_| exists)))
    }

    /// Returns the metadata of a path without following its last link.
    fn metadata(&mut self, path: &str) -> Result<Option<Metadata>> {
        if let Some(known) = self.known.get(path) {
            return Ok(*known);
        }
        let found = self.fs.metadata(path)?;
        self.known.insert(path.to_owned(), found);
        Ok(found)
    }

    /// Returns whether something lies at the path.
    pub(super) fn exists(&mut self, path: &str) -> Result<bool> {
        Ok(self.resolve(path)?.is_some())
    }

    /// Returns whether the path is a program.
    pub(super) fn is_program(&mut self, path: &str) -> Result<bool> {
        let found = self.resolve(path)?;
        Ok(found.is_some_and(|(_, it)| it.kind == FileKind::File && it.mode & 0o111 != 0))
    }

    /// Returns the content of a text file; `None` if there is no file of a plausible size.
    pub(super) fn text(&mut self, path: &str) -> Result<Option<String>> {
        match self.resolve(path)? {
            Some((path, it)) if it.kind == FileKind::File && it.size <= TEXT_LIMIT => {
                let bytes = self.fs.read(&path)?;
                Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
            }
            _ => Ok(None),
        }
    }

    /// Returns the names in a directory in ascending order; none if there is no directory.
    pub(super) fn names(&mut self, path: &str) -> Result<Vec<String>> {
        match self.resolve(path)? {
            Some((path, it)) if it.kind == FileKind::Directory => {
                if let Some(names) = self.listed.get(&path) {
                    return Ok(names.clone());
                }
                let names = self.fs.read_dir(&path)?;
                self.listed.insert(path, names.clone());
                Ok(names)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Returns the paths and texts of the configuration files in a directory of this name, in the order of their names. A file hides
    /// those of the same name in later places; an empty one, or a link to /dev/null, does nothing else.
    pub(super) fn configuration(
        &mut self,
        directory: &str,
        ending: &str,
    ) -> Result<Vec<(String, String)>> {
        let mut paths = BTreeMap::new();
        for layer in LAYERS {
            let folder = format!("{layer}/{directory}");
            for name in self.names(&folder)? {
                let path = format!("{folder}/{name}");
                if name.ends_with(ending) {
                    paths.entry(name).or_insert(path);
                }
            }
        }
        let mut files = Vec::new();
        for path in paths.into_values() {
            let text = self.text(&path)?.unwrap_or_default();
            files.push((path, text));
        }
        Ok(files)
    }

    /// Returns the target if the path itself is a symbolic link.
    pub(super) fn link(&mut self, path: &str) -> Result<Option<String>> {
        match self.metadata(path)? {
            Some(it) if it.kind == FileKind::Symlink => Ok(Some(self.fs.read_link(path)?)),
            _ => Ok(None),
        }
    }
}
