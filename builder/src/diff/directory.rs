//! The images of a directory, or of the directories of a fleet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::failure::Kind;
use crate::image_format;

/// An image and its name in the report.
#[derive(Debug)]
pub(super) struct NamedImage {
    pub(super) name: String,
    pub(super) path: PathBuf,
}

impl NamedImage {
    /// Names an image after its file, below the directory of its cluster if it has one.
    pub(super) fn new(path: PathBuf, cluster: Option<&str>) -> Self {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        Self {
            name: name_in_fleet(cluster, &file),
            path,
        }
    }
}

/// Returns the images of a directory by their nodes; those of a fleet by cluster and node, such as `lab-01/etcd1`.
pub(super) fn images(folder: &Path) -> Result<BTreeMap<String, NamedImage>> {
    let mut found = BTreeMap::new();
    add_images(&mut found, folder, None)?;
    if found.is_empty() {
        for entry in fs_err::read_dir(folder)? {
            let entry = entry?;
            let cluster = entry.file_name().to_string_lossy().into_owned();
            if entry.path().is_dir() {
                add_images(&mut found, &entry.path(), Some(&cluster))?;
            }
        }
    }
    match found.is_empty() {
        true => Err(Kind::Usage.error(
            format!("{} contains no images", folder.display()),
            "name a directory that `build` wrote",
        )),
        false => Ok(found),
    }
}

fn add_images(
    found: &mut BTreeMap<String, NamedImage>,
    folder: &Path,
    cluster: Option<&str>,
) -> Result<()> {
    for (node, path) in image_format::images_in(folder)? {
        found.insert(
            name_in_fleet(cluster, &node),
            NamedImage::new(path, cluster),
        );
    }
    Ok(())
}

fn name_in_fleet(cluster: Option<&str>, name: &str) -> String {
    cluster.map_or_else(|| name.to_owned(), |cluster| format!("{cluster}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_of_a_fleet_are_found_in_its_clusters() {
        let folder = tempfile::TempDir::new().unwrap();
        let named = || -> Vec<(String, String)> {
            let found = images(folder.path()).unwrap().into_iter();
            found.map(|(node, image)| (node, image.name)).collect()
        };
        let error = images(folder.path()).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{} contains no images", folder.path().display())
        );
        for path in [
            "home/home-1.img",
            "west/west-1.img.xz",
            "west/client/ca.crt",
        ] {
            let path = folder.path().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, "").unwrap();
        }
        let pair = |node: &str, name: &str| (node.to_owned(), name.to_owned());
        let expected = [
            pair("home/home-1", "home/home-1.img"),
            pair("west/west-1", "west/west-1.img.xz"),
        ];
        assert_eq!(named(), expected);
        fs_err::write(folder.path().join("etcd1.img"), "").unwrap();
        assert_eq!(named(), [pair("etcd1", "etcd1.img")]);
    }
}
