//! The manifests of an output directory, and the files that they list.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::manifest::Manifest;
use super::node_record::{NodeRecord, OutputRecord};
use super::outdated::names;
use super::{MANIFEST, PENDING_MANIFEST};
use crate::failure::Kind;
use crate::hex;
use crate::image_format::ImageFormat;

/// A manifest as read from a directory.
pub(super) struct StoredManifest {
    pub(super) manifest: Manifest,
    /// SHA-256 of the file.
    sha256: String,
}

impl StoredManifest {
    /// Returns the name and digest of every file that the digest list should contain.
    pub(super) fn digests(&self) -> impl Iterator<Item = (&str, &str)> {
        let own = (MANIFEST, self.sha256.as_str());
        self.manifest.digests().chain([own])
    }
}

/// Reads the manifest, and that of an interrupted build if it exists.
pub(crate) fn read_manifests(folder: &Path, needed: bool) -> Result<Vec<Manifest>> {
    let stored = stored_manifests(folder, needed)?.into_iter();
    Ok(stored.map(|stored| stored.manifest).collect())
}

pub(super) fn stored_manifests(folder: &Path, needed: bool) -> Result<Vec<StoredManifest>> {
    let mut manifests = Vec::new();
    for name in [MANIFEST, PENDING_MANIFEST] {
        let path = folder.join(name);
        if fs_err::exists(&path)? {
            manifests.push(read_manifest(&path)?);
        }
    }
    match manifests.is_empty() && needed {
        true => Err(no_manifest(folder)),
        false => Ok(manifests),
    }
}

/// Explains that a directory has no manifest, and what can be verified instead.
fn no_manifest(folder: &Path) -> anyhow::Error {
    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let image = names
        .filter(|name| ImageFormat::split(name).is_some())
        .min();
    let hint = match image {
        Some(name) => format!(
            "fetch manifest.json too, or verify one image, as in `etcd-image verify {}`",
            folder.join(name).display()
        ),
        None => "name the directory that `etcd-image build` wrote, or one image".to_owned(),
    };
    let shown = match folder == Path::new("") {
        true => Path::new("."),
        false => folder,
    };
    let what = match shown.is_dir() {
        true => format!("contains no {MANIFEST} to compare its files with"),
        false => "does not exist".to_owned(),
    };
    Kind::Usage.error(format!("{} {what}", shown.display()), hint)
}

/// Returns the names of the files that the manifests list, each once.
pub(super) fn image_names(manifests: &[StoredManifest]) -> Vec<&str> {
    let mut names = Vec::new();
    let nodes = manifests.iter().flat_map(|stored| &stored.manifest.nodes);
    for output in nodes.flat_map(|node| &node.outputs) {
        if !names.contains(&output.name.as_str()) {
            names.push(&output.name);
        }
    }
    names
}

fn read_manifest(path: &Path) -> Result<StoredManifest> {
    let bytes = fs_err::read(path)?;
    let text = String::from_utf8(bytes.clone());
    let manifest = text.map_err(anyhow::Error::from);
    let manifest = manifest.and_then(|text| Manifest::from_json(&text));
    let manifest = manifest.with_context(|| {
        Kind::Verification.context(
            format!("{} is not a manifest", path.display()),
            "fetch it again, or build the images again with this version of etcd-image",
        )
    })?;
    Ok(StoredManifest {
        manifest,
        sha256: hex::sha256(&bytes),
    })
}

/// A file as a manifest lists it.
pub(super) struct ManifestFile<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) node: &'a NodeRecord,
    pub(super) output: &'a OutputRecord,
}

impl<'a> ManifestFile<'a> {
    /// Returns the file with this name, if the manifest lists it.
    pub(super) fn find(manifest: &'a Manifest, name: &str) -> Option<Self> {
        manifest.nodes.iter().find_map(|node| {
            let output = node.outputs.iter().find(|output| output.name == name)?;
            Some(Self {
                manifest,
                node,
                output,
            })
        })
    }

    /// Returns the problem of an image that lists other members than the cluster has: it would start another cluster.
    pub(super) fn outdated(&self) -> Option<String> {
        let listed = names(self.node.outdated_members.as_deref()?);
        let current = names(&self.manifest.members);
        Some(format!(
            "it is outdated: it lists the members {listed}, and the cluster has {current}; build it again"
        ))
    }
}
