//! etcd's programs in the images of an output directory, which must be those that its manifest lists.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::MANIFEST;
use super::file_record::{FileRecord, RecordKind};
use super::manifest::Manifest;
use super::node_record::NodeRecord;
use super::stored_manifest::read_manifests;
use crate::failure::Kind;
use crate::fetch::{EtcdBinaries, InstalledOrigin, installed};
use crate::hex;
use crate::image_format;
use crate::inspect::{Image, Volume};

/// The programs, and the ends of their paths on bases with and without a root partition.
const PROGRAMS: [(&str, [&str; 2]); 3] = [
    ("etcd", ["/usr/local/bin/etcd", "/etcd-node/bin/etcd"]),
    (
        "etcdctl",
        ["/lib/etcd-node/etcdctl", "/etcd-node/lib/etcdctl"],
    ),
    (
        "etcdutl",
        ["/lib/etcd-node/etcdutl", "/etcd-node/lib/etcdutl"],
    ),
];

/// A program as the manifest lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listed<'a> {
    volume: Volume,
    path: &'a str,
    sha256: &'a str,
}

/// Returns the etcd that all images of this cluster in a directory contain.
pub(crate) fn etcd_in_images(folder: &Path, cluster: &str) -> Result<EtcdBinaries> {
    let manifests = read_manifests(folder, true)?;
    let [manifest] = &manifests[..] else {
        return Err(Kind::Usage.error(
            format!("the build in {} was interrupted", folder.display()),
            "build the images again",
        ));
    };
    if manifest.cluster != cluster {
        return Err(Kind::Usage.error(
            format!(
                "{} contains images of cluster {}, not of {cluster}",
                folder.display(),
                manifest.cluster
            ),
            "name the directory with the images of this cluster, or another state directory with `--state`",
        ));
    }
    let (node, programs) = common(manifest, folder)?;
    let images = image_format::images_in(folder)?;
    let Some(path) = images.get(&node.name) else {
        return Err(Kind::Usage.error(
            format!("{} contains no image of {}", folder.display(), node.name),
            "fetch it too, or build the images again",
        ));
    };
    let read = read(path, &programs)?;
    let origin = InstalledOrigin {
        version: &node.etcd.name,
        source: &node.etcd.source,
        sha256: &node.etcd.sha256,
    };
    installed(read, origin).with_context(|| format!("taking etcd from {}", path.display()))
}

/// Returns the first node, and its programs, which all nodes must have.
fn common<'a>(
    manifest: &'a Manifest,
    folder: &Path,
) -> Result<(&'a NodeRecord, BTreeMap<&'static str, Listed<'a>>)> {
    let mut nodes = manifest.nodes.iter();
    let first = nodes.next().with_context(|| {
        Kind::Usage.context(
            format!("{} lists no node", folder.join(MANIFEST).display()),
            "build the images again",
        )
    })?;
    let programs = listed_programs(&first.files);
    let digests = |of: &BTreeMap<&'static str, Listed<'a>>| -> Vec<_> {
        of.iter().map(|(name, it)| (*name, it.sha256)).collect()
    };
    match nodes.find(|node| digests(&listed_programs(&node.files)) != digests(&programs)) {
        None => Ok((first, programs)),
        Some(other) => Err(Kind::Usage.error(
            format!(
                "the images of {} and {} in {} contain different programs of etcd",
                first.name,
                other.name,
                folder.display()
            ),
            "build the images of all nodes with the same etcd",
        )),
    }
}

/// Returns etcd's programs among the files of a node.
fn listed_programs(files: &[FileRecord]) -> BTreeMap<&'static str, Listed<'_>> {
    let program = |file: &FileRecord| {
        let is_here = |ends: &[&str; 2]| ends.iter().any(|end| file.path.ends_with(end));
        let found = PROGRAMS.iter().find(|(_, ends)| is_here(ends));
        found.map(|(name, _)| *name)
    };
    let listed = files.iter().filter_map(|file| match &file.kind {
        RecordKind::File { sha256, .. } => Some((
            program(file)?,
            Listed {
                volume: file.partition,
                path: &file.path,
                sha256,
            },
        )),
        _ => None,
    });
    listed.collect()
}

/// Reads the programs from an image and compares them with the manifest.
fn read(
    path: &Path,
    programs: &BTreeMap<&'static str, Listed<'_>>,
) -> Result<BTreeMap<&'static str, Vec<u8>>> {
    let mut files = Image::open(path)?.files()?;
    let mut all = BTreeMap::new();
    for (name, listed) in programs {
        let bytes = files.at(listed.volume)?.read(listed.path);
        let bytes =
            bytes.with_context(|| format!("reading {} of {}", listed.path, path.display()))?;
        if hex::sha256(&bytes) != listed.sha256 {
            return Err(Kind::Verification.error(
                format!(
                    "{name} in {} is not the one that {MANIFEST} lists",
                    path.display()
                ),
                "do not use this image; fetch it again, or build it again",
            ));
        }
        all.insert(*name, bytes);
    }
    Ok(all)
}
