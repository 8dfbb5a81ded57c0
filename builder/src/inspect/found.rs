//! The contents of a base at the paths that a plan may change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context as _, Result};
pub use diskimg::Attributes;
use diskimg::{FileKind, ReadFs};

use super::image::Image;
use super::layout::Volume;

/// The content of a base at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing.
    Missing,
    /// A regular file.
    File {
        /// Permission bits, user ID and group ID.
        attributes: Attributes,
        /// Size in bytes.
        size: u64,
        /// The bytes, if the file is small enough to be edited as text (at most 1 MiB).
        content: Option<Arc<[u8]>>,
    },
    /// A directory.
    Folder {
        /// Permission bits, user ID and group ID.
        attributes: Attributes,
    },
    /// A symbolic link.
    Symlink {
        /// Its target.
        target: String,
    },
    /// A device, socket or pipe.
    Other,
}

/// The content of the base at every path that a plan may change.
pub type BaseFiles = BTreeMap<(Volume, String), Before>;

/// The largest file that is read whole, so that it can be edited and compared.
const TEXT_LIMIT: u64 = 1 << 20;

/// Looks up every path.
pub fn find(image: &Image, paths: &BTreeSet<(Volume, String)>) -> Result<BaseFiles> {
    let mut files = image.files()?;
    let mut found = BaseFiles::new();
    for (volume, path) in paths {
        let context = || format!("reading {path} of the base");
        let before = match volume {
            Volume::Base if image.is_in_base_snap(path) => Before::Other,
            Volume::Base => Before::Missing,
            Volume::Boot | Volume::Root => {
                look(files.at(*volume).with_context(context)?, path).with_context(context)?
            }
        };
        found.insert((*volume, path.clone()), before);
    }
    Ok(found)
}

fn look(fs: &mut dyn ReadFs, path: &str) -> diskimg::Result<Before> {
    let Some(metadata) = fs.metadata(path)? else {
        return Ok(Before::Missing);
    };
    let attributes = Attributes {
        mode: metadata.mode,
        uid: metadata.uid,
        gid: metadata.gid,
    };
    Ok(match metadata.kind {
        FileKind::File => Before::File {
            attributes,
            size: metadata.size,
            content: match metadata.size {
                0..=TEXT_LIMIT => Some(Arc::from(fs.read(path)?)),
                _ => None,
            },
        },
        FileKind::Directory => Before::Folder { attributes },
        FileKind::Symlink => Before::Symlink {
            target: fs.read_link(path)?,
        },
        FileKind::Other => Before::Other,
    })
}
