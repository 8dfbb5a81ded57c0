//! `fleet.json` of the output directory of a fleet: which clusters and nodes belong to it. A complete build writes it after all images.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::checked::{CheckedImage, Verification};
use super::digest_list::DigestList;
use super::outdated::names_in;
use super::{FLEET, MANIFEST, PENDING_MANIFEST, SIGNATURE, SUMS, fleet_list, read_manifests};
use crate::apply::OutputFolder;
use crate::cli::Shard;
use crate::count::count;
use crate::failure::Kind;
use crate::file::is_name;
use crate::fleet::{Fleet, FleetCluster, shard_of};
use crate::hex;
use crate::image_format::ImageFormat;
use crate::shell;

/// The version of the format; it is raised when a field changes its meaning or is removed.
const FORMAT: u32 = 1;

/// The record of a fleet or of a shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FleetRecord {
    /// Version of this format.
    pub format: u32,
    /// Version of etcd-image.
    pub version: String,
    /// Which part of the fleet the directory contains; the whole fleet if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// One per cluster, in the order of the fleet; each has a directory of its name.
    pub clusters: Vec<ClusterRecord>,
    /// The SHA-256 of the record without this field, which only the file has; earlier versions wrote none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}

/// A cluster of a fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClusterRecord {
    /// Its name.
    pub name: String,
    /// The names of its nodes.
    pub nodes: Vec<String>,
    /// The keyed fingerprint of its description, by which `merge` compares shards; absent if the state directory has no keys of the
    /// cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

impl FleetRecord {
    /// Creates the record of a fleet, without the fingerprints of its descriptions.
    pub(crate) fn new(fleet: &Fleet, shard: Option<Shard>) -> Self {
        let record = |cluster: &FleetCluster| ClusterRecord {
            name: cluster.name.clone(),
            nodes: cluster.nodes.clone(),
            description: None,
        };
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            shard,
            clusters: fleet.clusters.iter().map(record).collect(),
            check: None,
        }
    }

    /// Reads the record of an output directory, if it has one.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>> {
        Ok(Self::read_with_digest(folder)?.map(|(record, _)| record))
    }

    /// Reads the record of an output directory, and the SHA-256 of its file.
    pub(crate) fn read_with_digest(folder: &Path) -> Result<Option<(Self, String)>> {
        let path = folder.join(FLEET);
        if !path.is_file() {
            return Ok(None);
        }
        let text = fs_err::read_to_string(&path)?;
        let record = Self::from_json(&text).with_context(|| {
            Kind::Verification.context(
                format!("{} is not the record of a fleet", path.display()),
                "build the images again with this version of etcd-image",
            )
        })?;
        Ok(Some((record, hex::sha256(text))))
    }

    /// Parses a record, and refuses names that lead out of the output directory, since it may come from elsewhere. A record without
    /// clusters or nodes is that of no build: it would keep the images beside it from being verified.
    fn from_json(text: &str) -> Result<Self> {
        let mut record: Self = serde_json::from_str(text)?;
        let format = record.format;
        anyhow::ensure!(format == FORMAT, "its format {format} is not {FORMAT}");
        if let Some(check) = record.check.take()
            && record.checksum()? != check
        {
            anyhow::bail!("it is damaged: its checksum does not match");
        }
        if let Some(shard) = record.shard.filter(|shard| !shard.is_in_range()) {
            anyhow::bail!("its shard {shard} does not exist");
        }
        anyhow::ensure!(!record.clusters.is_empty(), "it lists no cluster");
        if let Some(cluster) = record.clusters.iter().find(|it| it.nodes.is_empty()) {
            anyhow::bail!("its cluster {:?} has no nodes", cluster.name);
        }
        let nodes = record.clusters.iter().flat_map(|cluster| &cluster.nodes);
        let mut names = record
            .clusters
            .iter()
            .map(|cluster| &cluster.name)
            .chain(nodes);
        match names.find(|name| !is_name(name)) {
            Some(name) => anyhow::bail!("the name {name:?} is not valid"),
            None => Ok(record),
        }
    }

    /// Returns the checksum of a record without its own.
    pub(crate) fn checksum(&self) -> Result<String> {
        Ok(hex::sha256(serde_json::to_string_pretty(self)?))
    }

    /// Returns the nodes of a cluster that the directory should contain.
    fn expected<'a>(&self, cluster: &'a ClusterRecord) -> Vec<&'a String> {
        let shard = self.shard;
        let is_here = |name: &&String| {
            shard.is_none_or(|shard| shard_of(&cluster.name, name, shard.count) == shard.index)
        };
        cluster.nodes.iter().filter(is_here).collect()
    }

    /// Returns the names of the clusters of which the directory should contain images.
    fn present(&self) -> impl Iterator<Item = &str> {
        let clusters = self.clusters.iter();
        let present = clusters.filter(|cluster| !self.expected(cluster).is_empty());
        present.map(|cluster| cluster.name.as_str())
    }

    /// Returns the digest list of the fleet.
    pub(crate) fn sums(&self, folder: &Path) -> Result<String> {
        fleet_list::text(folder, self.present())
    }

    /// Returns the first file whose digest differs between two digest lists of the fleet. The lists of the clusters that were `built`
    /// in between may differ.
    pub(crate) fn first_change(&self, old: &str, new: &str, built: &[&str]) -> Option<String> {
        let others = self.present().filter(|name| !built.contains(name));
        fleet_list::first_change(old, new, others)
    }

    /// Returns the directory of each cluster with the digest of its list. Fails unless the `list` of the fleet has exactly this record,
    /// whose file has the digest `own`, and the lists of these clusters. The caller has read the list and checked who signed it.
    pub(crate) fn listed_folders(
        &self,
        folder: &Path,
        own: &str,
        list: &[u8],
    ) -> Result<Vec<(PathBuf, String)>> {
        let list = DigestList::of(folder, list);
        fleet_list::must_fit(&list, folder, self.present())?;
        if list.digest_of(FLEET) != Some(own) {
            return Err(fleet_list::changed_meanwhile(&folder.join(FLEET)));
        }
        let listed = |name: &str| {
            let digest = list.digest_of(&fleet_list::list_of(name));
            (folder.join(name), digest.unwrap_or_default().to_owned())
        };
        Ok(self.present().map(listed).collect())
    }

    /// Verifies the directory of every cluster, and that every node has an image. Images that belong to no cluster of the record are
    /// a problem, because nothing would verify them. `signer` is who signed the digest list of the fleet.
    pub(crate) fn verify(
        &self,
        folder: &Path,
        signer: Option<String>,
        verify: impl Fn(&Path) -> Result<Verification>,
    ) -> Result<Verification> {
        let list = fleet_list::check(folder, self.present())?;
        let mut all = Verification {
            signer,
            lists: list.into_iter().collect(),
            ..Verification::default()
        };
        for cluster in &self.clusters {
            let expected = self.expected(cluster);
            if !expected.is_empty() {
                all.add(cluster.verify(&folder.join(&cluster.name), &expected, &verify)?);
            }
        }
        if self.shard.is_some() && all.images.is_empty() {
            all.empty = Some(folder.display().to_string());
        }
        all.images.extend(self.unlisted(folder));
        Ok(all)
    }

    /// Returns a problem for the output directory and each directory in it that has images of no cluster of the record.
    fn unlisted(&self, folder: &Path) -> Vec<CheckedImage> {
        let is_listed = |name: &String| {
            let mut clusters = self.clusters.iter();
            clusters.any(|it| it.name == *name && !self.expected(it).is_empty())
        };
        let names = names_in(folder).into_iter();
        let mut others: Vec<_> = names.filter(|name| !is_listed(name)).collect();
        others.sort();
        let inner = others.iter().map(|name| folder.join(name));
        let all = [folder.to_owned()].into_iter().chain(inner);
        let wrong = all.filter(|path| path.is_dir() && has_images(path));
        wrong
            .map(|path| CheckedImage::failed(path.display().to_string(), UNLISTED.to_owned()))
            .collect()
    }
}

/// The problem of images that are beside those of the clusters.
const UNLISTED: &str =
    "fleet.json lists none of the images here, so they were not verified: move them away";

/// Returns whether a directory has a manifest or images.
fn has_images(folder: &Path) -> bool {
    let is_manifest = |name: &String| [MANIFEST, PENDING_MANIFEST].contains(&name.as_str());
    let mut names = names_in(folder).into_iter();
    names.any(|name| is_manifest(&name) || ImageFormat::split(&name).is_some())
}

impl ClusterRecord {
    /// Verifies the directory of the cluster, which should have images of these nodes.
    fn verify(
        &self,
        folder: &Path,
        nodes: &[&String],
        verify: impl Fn(&Path) -> Result<Verification>,
    ) -> Result<Verification> {
        let wrong =
            |path: &Path, problem| CheckedImage::failed(path.display().to_string(), problem);
        let manifests = read_manifests(folder, false)?;
        if manifests.is_empty() {
            let problem = "there is no finished build of this cluster".to_owned();
            return Ok(Verification {
                images: vec![wrong(folder, problem)],
                ..Verification::default()
            });
        }
        let checked = verify(folder);
        let mut checked = checked.with_context(|| format!("verifying {}", folder.display()))?;
        let other = manifests.iter().find(|it| it.cluster != self.name);
        checked.images.extend(other.map(|manifest| {
            let problem = format!("the manifest is that of cluster {:?}", manifest.cluster);
            wrong(folder, problem)
        }));
        let known = |name: &str| {
            let mut nodes = manifests.iter().flat_map(|manifest| &manifest.nodes);
            nodes.any(|node| node.name == name)
        };
        let missing = nodes.iter().filter(|name| !known(name));
        checked.images.extend(missing.map(|name| {
            let problem = format!("the manifest has no image of node {name}");
            wrong(&folder.join(name), problem)
        }));
        Ok(checked)
    }
}

/// Returns the names of the files of a fleet that belong to no cluster.
pub(crate) fn file_names(folder: &Path) -> Result<Vec<String>> {
    let mut names = vec![FLEET.to_owned()];
    for name in [SUMS, SIGNATURE] {
        if fs_err::exists(folder.join(name))? {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

/// Removes the record before the first image changes: the directory is incomplete until the end of the build.
pub(crate) fn withdraw(out: &OutputFolder) -> Result<()> {
    fleet_list::withdraw(out)?;
    out.remove(FLEET)
}

/// Writes the record, after all images.
pub(crate) fn write(out: &OutputFolder, record: &FleetRecord) -> Result<()> {
    let record = FleetRecord {
        check: Some(record.checksum()?),
        ..record.clone()
    };
    let json = serde_json::to_string_pretty(&record)? + "\n";
    out.write(FLEET, json.as_bytes(), 0o644)
}

/// A record, and the directories that the report names.
#[derive(Debug)]
pub(crate) struct FleetSummary<'a> {
    /// The record.
    pub record: &'a FleetRecord,
    /// The output directory.
    pub out: &'a Path,
}

impl Display for FleetSummary<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let all = self.record.clusters.iter();
        let sized = |cluster| (cluster, self.record.expected(cluster).len());
        let clusters: Vec<_> = all.map(sized).filter(|(_, nodes)| *nodes > 0).collect();
        let nodes: usize = clusters.iter().map(|(_, nodes)| nodes).sum();
        let part = self.record.shard;
        let part = part.map(|shard| format!("shard {shard} of a "));
        let part = part.unwrap_or_default();
        writeln!(
            f,
            "{part}fleet: {}, {}\n",
            count(clusters.len(), "cluster"),
            count(nodes, "node")
        )?;
        writeln!(f, "  {:<20} {:>5}  images", "cluster", "nodes")?;
        for (ClusterRecord { name, .. }, nodes) in clusters {
            let folder = self.out.join(name);
            writeln!(f, "  {name:<20} {nodes:>5}  {}", folder.display())?;
        }
        let out = shell::path(self.out);
        writeln!(f, "\ncheck:   etcd-image verify {out}")?;
        if let Some(shard) = self.record.shard {
            return writeln!(
                f,
                "merge:   etcd-image merge {out} …, with all {} shards",
                shard.count
            );
        }
        writeln!(
            f,
            "flash:   sudo etcd-image flash --images {out}/CLUSTER NODE /dev/CARD"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_without_nodes_says_so() {
        let cluster = ClusterRecord {
            name: "home".to_owned(),
            nodes: vec!["home-1".to_owned()],
            description: None,
        };
        let with = shard_of("home", "home-1", 2);
        let record = FleetRecord {
            format: FORMAT,
            version: String::new(),
            shard: Some(Shard {
                index: 3 - with,
                count: 2,
            }),
            clusters: vec![cluster],
            check: None,
        };
        let verify = |_: &Path| panic!("there is nothing to verify");
        let verified = |signer| {
            record
                .verify(Path::new("shards/1"), signer, verify)
                .unwrap()
        };
        let unsigned = verified(None);
        assert_eq!(
            unsigned.to_string(),
            "shards/1: no image belongs to this shard\n"
        );
        unsigned.verdict(false).unwrap();
        // Nobody has signed the record.
        unsigned.verdict(true).unwrap_err();
        let signed = verified(Some("ada@example".to_owned()));
        signed.verdict(true).unwrap();
    }
}
