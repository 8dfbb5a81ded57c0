//! All files of a file system with their metadata.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use diskimg::{FileKind, Metadata, ReadFs};

use crate::failure::Kind;

/// More entries than any base has; a damaged directory can contain itself.
const MOST_ENTRIES: usize = 2_000_000;

/// Returns the files of a file system by their paths.
pub(super) fn files_by_path(fs: &mut dyn ReadFs) -> Result<BTreeMap<String, Metadata>> {
    let mut entries = BTreeMap::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        let path = if folder.is_empty() { "/" } else { &folder };
        for name in fs
            .read_dir(path)
            .with_context(|| format!("reading {path}"))?
        {
            let path = format!("{folder}/{name}");
            let Some(metadata) = fs
                .metadata(&path)
                .with_context(|| format!("reading {path}"))?
            else {
                continue;
            };
            if metadata.kind == FileKind::Directory {
                folders.push(path.clone());
            }
            entries.insert(path, metadata);
            if entries.len() > MOST_ENTRIES {
                return Err(Kind::Corrupt.error(
                    "directories are nested without end",
                    "check the file system with e2fsck",
                ));
            }
        }
    }
    Ok(entries)
}
