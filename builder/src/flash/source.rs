//! An image that is about to be written, and the ranges of it that must reach the card.

use std::borrow::Cow;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use diskimg::Storage;
use sha2::{Digest as _, Sha256};

use super::opened::Opened;
use super::trusted::Trusted;
use crate::apply;
use crate::description::{self, NodeDescription};
use crate::failure::Kind;
use crate::file;
use crate::hex;
use crate::inspect::{Image, mapped_ranges};
use crate::publication::block_map;
use crate::report::NodeRecord;

/// Bytes that are hashed at a time.
const CHUNK: usize = 1 << 20;

/// The next step for an image that changed while it was read.
const CHANGED: &str =
    "build, rename or remove no images while cards are written, then flash this card again";

/// The next step for an image that is not what its manifest says.
const OTHER_IMAGE: &str = "fetch the image again, or build it again with the same state directory; then flash this card again";

/// An open image.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) storage: Arc<dyn Storage>,
    /// Whether the image was already compared with its manifest, while it was unpacked.
    pub(super) is_verified: bool,
    /// What the image says about its node; `None` if it is not one.
    pub(super) node: Option<NodeDescription>,
    /// The digests of this image in the manifests beside it, of which one must match; empty if it is in none.
    pub(super) digests: Vec<String>,
    /// Who signed these manifests; `None` if no signature is required.
    pub(super) signer: Option<String>,
    /// The digests of the block maps of this image in the same manifests.
    pub(super) map_digests: Vec<String>,
    /// The ranges that are in use, in ascending order.
    pub(super) map: Vec<Range<u64>>,
    /// The file as it was opened; `None` if the image was unpacked from it.
    pub(super) opened: Option<Opened>,
}

impl Source {
    /// Opens an image. `images` is the directory whose manifest may list it.
    pub(super) fn open(path: &Path, images: &Path, trusted: Trusted<'_>) -> Result<Self> {
        if !fs_err::exists(path)? {
            let message = format!("{} does not exist", path.display());
            return Err(Kind::Usage.error(message, "check the path, or build the image first"));
        }
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let (signer, records) = records(path, folder.unwrap_or(images), trusted)?;
        if records.is_empty() {
            trusted.refuse_unlisted(path)?;
        }
        check_size(path, &records)?;
        must_be_image(path)?;
        let image = Image::open(path)?;
        let storage = image.storage();
        // Before anything is read that is verified or written.
        let file = image.file().filter(|_| image.unpacked_sha256().is_none());
        let opened = file.map(Opened::new).transpose()?;
        let node = description::read(&image, &mut image.files()?)
            .with_context(|| format!("reading {}", path.display()))?;
        let map_digests = records.iter().filter_map(map_digest).collect();
        let digests: Vec<String> = records.into_iter().map(|node| node.sha256).collect();
        if let Some(found) = image.unpacked_sha256() {
            compare(path, found, &digests, "nothing was written")?;
        }
        Ok(Self {
            node,
            digests,
            signer,
            map_digests,
            is_verified: image.unpacked_sha256().is_some(),
            map: mapped_ranges(&storage),
            storage,
            opened,
            path: path.to_owned(),
        })
    }

    /// Returns the size of the image in bytes.
    pub(super) fn size(&self) -> u64 {
        self.storage.size()
    }

    /// Returns the number of bytes that are written.
    pub(super) fn mapped_bytes(&self) -> u64 {
        self.map.iter().map(|range| range.end - range.start).sum()
    }

    /// Compares the image with its manifest; an error also says the consequence.
    ///
    /// Of a published image, the manifest lists the block map, which contains the digest of every range that is written: that
    /// takes about half of the time of hashing the whole image.
    pub(super) fn verify(&self, consequence: &str) -> Result<()> {
        if self.is_verified || self.digests.is_empty() || self.has_listed_map()? {
            return Ok(());
        }
        compare(&self.path, &self.digest()?, &self.digests, consequence)
    }

    /// Fails if the image has changed since it was opened; the error also says the consequence.
    pub(super) fn must_be_unchanged(&self, consequence: &str) -> Result<()> {
        let Some(opened) = &self.opened else {
            return Ok(());
        };
        let is_changed = opened.is_changed();
        match is_changed.with_context(|| format!("reading the times of {}", self.path.display()))? {
            false => Ok(()),
            true => Err(Kind::Verification.error(
                format!(
                    "{}: the image was changed while it was read; {consequence}",
                    self.path.display()
                ),
                CHANGED,
            )),
        }
    }

    /// Returns whether the block map of the image is one of those in its manifests.
    fn has_listed_map(&self) -> Result<bool> {
        if self.map_digests.is_empty() {
            return Ok(false);
        }
        let map = block_map::xml(self.size(), &apply::map(&self.storage)?);
        Ok(self.map_digests.contains(&hex::sha256(&map)))
    }

    /// Returns the digest of the image that is open; its path may lead to another one by now.
    fn digest(&self) -> Result<String> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; CHUNK];
        for start in (0..self.size()).step_by(CHUNK) {
            let len = usize::try_from(self.size() - start)?.min(CHUNK);
            self.storage.read_at(start, &mut buffer[..len])?;
            hash.update(&buffer[..len]);
        }
        Ok(hex::encode(&hash.finalize()))
    }
}

/// Refuses a directory, and a text such as a manifest.
fn must_be_image(path: &Path) -> Result<()> {
    let what = if path.is_dir() {
        "is a directory"
    } else if !file::is_pipe(path) && file::begins_with_text(path)? {
        "is not a disk image"
    } else {
        return Ok(());
    };
    let message = format!("{} {what}", path.display());
    Err(Kind::Usage.error(
        message,
        "name a node of the directory, or one image, as in `images/etcd1.img`",
    ))
}

/// Fails unless the digest of an image is one of those in its manifests, if there are any.
fn compare(path: &Path, found: &str, digests: &[String], consequence: &str) -> Result<()> {
    if digests.is_empty() || digests.iter().any(|digest| digest == found) {
        return Ok(());
    }
    Err(Kind::Verification.error(
        format!(
            "{}: the image differs from its manifest; {consequence}",
            path.display()
        ),
        OTHER_IMAGE,
    ))
}

/// Fails unless a file has one of the sizes in its manifests, if there are any: a file that was cut short cannot be read.
fn check_size(path: &Path, records: &[NodeRecord]) -> Result<()> {
    let name = name_of(path);
    let outputs = records.iter().flat_map(|node| &node.outputs);
    let mut sizes = outputs.filter(|output| output.name == name);
    let found = fs_err::metadata(path)?.len();
    match sizes.next() {
        Some(first) if first.size != found && sizes.all(|other| other.size != found) => {
            Err(Kind::Verification.error(
                format!(
                    "{}: the image has {found} bytes, the manifest has {}; nothing was written",
                    path.display(),
                    first.size
                ),
                OTHER_IMAGE,
            ))
        }
        _ => Ok(()),
    }
}

/// Returns what the manifests of its directory say about an image, and who signed them.
fn records(
    path: &Path,
    folder: &Path,
    trusted: Trusted<'_>,
) -> Result<(Option<String>, Vec<NodeRecord>)> {
    let name = name_of(path);
    let (signer, manifests) = trusted.manifests(folder, false)?;
    let nodes = manifests.into_iter().flat_map(|manifest| manifest.nodes);
    let records = nodes.filter(|node| node.has_output(&name));
    Ok((signer, records.collect()))
}

/// Returns what a manifest says about the block map of a node's image.
fn map_digest(node: &NodeRecord) -> Option<String> {
    let name = block_map::file_name(&node.name);
    let map = node.attachments.iter().find(|it| it.name == name);
    map.map(|it| it.sha256.clone())
}

fn name_of(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

#[cfg(test)]
mod tests {
    use diskimg::Memory;

    use super::*;

    #[test]
    fn an_image_is_verified_as_it_was_opened() {
        let bytes = vec![7; CHUNK + 512];
        let mut source = Source {
            path: "renamed".into(),
            digests: vec![hex::sha256(&bytes)],
            signer: None,
            map_digests: vec![],
            storage: Arc::new(Memory::new(bytes)),
            is_verified: false,
            node: None,
            map: vec![],
            opened: None,
        };
        source.verify("nothing was written").unwrap();
        source.digests = vec![hex::sha256("another image")];
        let error = source.verify("nothing was written").unwrap_err();
        let message = "renamed: the image differs from its manifest; nothing was written";
        assert_eq!(error.to_string(), message);
        // The ranges that are written have the digests in the block map; here, that is the whole image.
        let map = apply::map(&source.storage).unwrap();
        source.map_digests = vec![hex::sha256(block_map::xml(source.size(), &map))];
        source.verify("nothing was written").unwrap();
        source.storage = Arc::new(Memory::new(vec![8; CHUNK + 512]));
        let error = source.verify("nothing was written").unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}
