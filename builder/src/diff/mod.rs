//! Compares two images, or the images of two directories: partitions, and every file with its attributes and content. If
//! these are equal, every byte.
//!
//! Of the content of a secret file, only a fingerprint is shown that does not allow guessing it.

mod bytes;
mod content;
mod directory;
mod outcome;
mod secret;
mod tree;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};

pub use content::ContentDifference;
pub use outcome::{Comparison, Difference, FileDifference, ImageComparison};

use crate::description;
use crate::failure::Kind;
use crate::inspect::{Files, Image, Layout, Part, Volume};
use crate::secret::FingerprintKey;

use directory::{NamedImage, images};
use tree::files_by_path;

/// Compares two images, or all images of two directories by their names, also those of fleets. `state` is the state directory
/// with the keys of the fingerprints, if the user names one; that of a fleet contains those of its clusters.
pub fn diff(a: &Path, b: &Path, state: Option<&Path>) -> Result<Comparison> {
    let images = match (a.is_dir(), b.is_dir()) {
        (true, true) => {
            let (a, b) = (images(a)?, images(b)?);
            let nodes: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let pair = |node: &String| {
                let cluster = node.split_once('/').map(|(cluster, _)| cluster);
                let key = secret::key(state, cluster)?;
                compare_images(a.get(node), b.get(node), key.as_ref())
            };
            nodes.into_iter().map(pair).collect::<Result<Vec<_>>>()?
        }
        (false, false) => {
            let [a, b] = [a, b].map(|path| NamedImage::new(path.to_owned(), None));
            let key = secret::key(state, None)?;
            vec![compare_images(Some(&a), Some(&b), key.as_ref())?]
        }
        _ => {
            let message = format!(
                "{} and {} are not of the same kind",
                a.display(),
                b.display()
            );
            return Err(Kind::Usage.error(message, "name two images, or two directories"));
        }
    };
    Ok(Comparison { format: 1, images })
}

/// Compares two images, of which one may be missing. The result has the name of the second one.
fn compare_images(
    a: Option<&NamedImage>,
    b: Option<&NamedImage>,
    key: Option<&FingerprintKey>,
) -> Result<ImageComparison> {
    let name = b.or(a).map(|image| image.name.clone());
    let differences = match (a, b) {
        (Some(a), Some(b)) => {
            let (mut a, mut b) = (Side::open(&a.path)?, Side::open(&b.path)?);
            match bytes::first_difference(&*a.image.storage(), &*b.image.storage())? {
                None => Vec::new(),
                Some(first) => {
                    let mut differences = compare_tables(a.image.layout(), b.image.layout());
                    let files = compare_files(&mut a, &mut b, key)?;
                    differences.extend(files.into_iter().map(Difference::File));
                    // Equal files do not make equal images.
                    if differences.is_empty() {
                        differences.push(Difference::Bytes { first });
                    }
                    differences
                }
            }
        }
        (only_a, _) => vec![Difference::Image {
            only_in: if only_a.is_some() { "a" } else { "b" },
        }],
    };
    Ok(ImageComparison {
        image: name.unwrap_or_default(),
        differences,
    })
}

/// One of two images.
struct Side {
    image: Image,
    files: Files,
    /// The files whose content the image's own description calls secret.
    secrets: BTreeSet<(Volume, String)>,
}

impl Side {
    fn open(path: &Path) -> Result<Self> {
        let context = || format!("reading {}", path.display());
        let image = Image::open(path)?;
        let mut files = image.files().with_context(context)?;
        let node = description::read(&image, &mut files).with_context(context)?;
        let described = node.into_iter().flat_map(|node| node.files);
        let secrets = described.filter(|file| file.sha256.is_none());
        Ok(Self {
            secrets: secrets.map(|file| (file.partition, file.path)).collect(),
            image,
            files,
        })
    }
}

/// Compares what the partition tables and file systems say about themselves.
fn compare_tables(a: &Layout, b: &Layout) -> Vec<Difference> {
    let facts = |layout: &Layout| {
        let mut facts = vec![
            ("size of the image".to_owned(), layout.size.to_string()),
            ("disk ID".to_owned(), format!("{:08x}", layout.disk_id)),
        ];
        for part in layout.parts() {
            let Part {
                number,
                start,
                len,
                filesystem,
                ..
            } = part;
            let text = format!(
                "{filesystem}, {len} bytes at byte {start}, UUID {}",
                part.uuid
            );
            facts.push((format!("partition {number}"), text));
        }
        facts
    };
    let (a, b) = (facts(a), facts(b));
    let names: BTreeSet<&String> = a.iter().chain(&b).map(|(name, _)| name).collect();
    let value = |facts: &[(String, String)], name: &str| {
        let found = facts.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone())
    };
    let all = names
        .into_iter()
        .map(|name| (name, value(&a, name), value(&b, name)));
    let different = all.filter(|(_, a, b)| a != b);
    different
        .map(|(name, a, b)| Difference::Table {
            what: name.clone(),
            a,
            b,
        })
        .collect()
}

/// Compares the files of all file systems.
fn compare_files(
    a: &mut Side,
    b: &mut Side,
    fingerprints: Option<&FingerprintKey>,
) -> Result<Vec<FileDifference>> {
    let mut differences = Vec::new();
    for volume in [Volume::Boot, Volume::Root] {
        let both = (a.files.at(volume), b.files.at(volume));
        // Ubuntu Core has no root partition before its first boot.
        let (Ok(of_a), Ok(of_b)) = both else { continue };
        let (tree_a, tree_b) = (files_by_path(of_a)?, files_by_path(of_b)?);
        let paths: BTreeSet<&String> = tree_a.keys().chain(tree_b.keys()).collect();
        for path in paths {
            let key = (volume, path.clone());
            let is_secret = a.secrets.contains(&key) || b.secrets.contains(&key);
            let found = (tree_a.get(path), tree_b.get(path));
            let (of_a, of_b) = (a.files.at(volume)?, b.files.at(volume)?);
            let content = match found {
                (Some(x), Some(y)) => {
                    content::compare((of_a, x), (of_b, y), path, is_secret, fingerprints)?
                }
                _ => None,
            };
            differences.extend(FileDifference::new(volume, path, found, content));
        }
    }
    Ok(differences)
}
