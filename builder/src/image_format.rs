//! The formats of an image file, named by their suffixes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// The format of an image file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
pub enum ImageFormat {
    /// The raw image.
    #[value(name = "img")]
    #[serde(rename = "img")]
    Img,
    /// Compressed with xz, in independent blocks.
    #[value(name = "img.xz")]
    #[serde(rename = "img.xz")]
    Xz,
    /// Compressed with zstd, in independent frames.
    #[value(name = "img.zst")]
    #[serde(rename = "img.zst")]
    Zstd,
    /// Compressed with gzip, in independent members.
    #[value(name = "img.gz")]
    #[serde(rename = "img.gz")]
    Gzip,
}

impl ImageFormat {
    /// Returns the suffix of file names, without the dot before it.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Img => "img",
            Self::Xz => "img.xz",
            Self::Zstd => "img.zst",
            Self::Gzip => "img.gz",
        }
    }

    /// Returns the file name of a node's image.
    pub(crate) fn file_name(self, node: &str) -> String {
        format!("{node}.{}", self.suffix())
    }

    /// Returns the node and the format of a file name, or `None` if the name is not that of an image.
    pub(crate) fn split(name: &str) -> Option<(&str, Self)> {
        Self::value_variants().iter().find_map(|format| {
            let node = name.strip_suffix(format.suffix())?.strip_suffix('.')?;
            Some((node, *format))
        })
    }
}

/// Returns one image for each node in a directory: the raw one if it exists, since it need not be unpacked.
pub(crate) fn images_in(folder: &Path) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for entry in fs_err::read_dir(folder)? {
        let name = entry?.file_name();
        if let Some((node, format)) = name.to_str().and_then(ImageFormat::split) {
            let best = found.entry(node.to_owned()).or_insert(format);
            *best = format.min(*best);
        }
    }
    let path = |(node, format): (String, ImageFormat)| {
        let name = format.file_name(&node);
        (node, folder.join(name))
    };
    Ok(found.into_iter().map(path).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_tells_node_and_format() {
        for format in ImageFormat::value_variants() {
            let name = format.file_name("kv.1");
            assert_eq!(ImageFormat::split(&name), Some(("kv.1", *format)));
        }
        for other in [
            "SHA256SUMS",
            "manifest.json",
            "etcd1.xz",
            "img.xz",
            "etcd1.img.bmap",
        ] {
            assert_eq!(ImageFormat::split(other), None, "{other}");
        }
    }

    #[test]
    fn a_raw_image_is_preferred() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.img.xz", "a.img", "b.img.zst", "b.img.gz", "a.img.bmap"] {
            fs_err::write(folder.path().join(name), "").unwrap();
        }
        let found = images_in(folder.path()).unwrap();
        let expected = [("a", "a.img"), ("b", "b.img.zst")];
        let expected = expected.map(|(node, name)| (node.to_owned(), folder.path().join(name)));
        assert_eq!(found, BTreeMap::from(expected));
    }
}
