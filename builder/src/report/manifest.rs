//! `manifest.json`: every input and every file of every node, so that `verify` can compare.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::MANIFEST;
use super::attachment::{Attachment, AttachmentRecord, MAP_ENDING};
use super::certificate_record::CertificateRecord;
use super::file_record::FileRecord;
use super::node_record::NodeRecord;
use super::sources::{InputRecord, Sources};
use crate::apply::Staged;
use crate::cli::OutputOptions;
use crate::description::{ClusterDescription, DescribedMember};
use crate::failure::Kind;
use crate::file::{if_exists, is_name};
use crate::hex;
use crate::image_format::ImageFormat;
use crate::plan::Plan;
use crate::spec::Node;

/// The version of the format; it is raised when a field changes its meaning or is removed.
const FORMAT: u32 = 1;

/// The next step for images whose keys this state directory does not have.
pub(crate) const OTHER_KEYS: &str = "build with the state directory of these images (`--state`), or into another directory (`--out`); if it is \
    lost, only a new cluster on all cards can follow, with the data of a snapshot (`--restore`)";

/// The record of an output directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// Version of this format.
    pub format: u32,
    /// Version of etcd-image.
    pub version: String,
    /// Cluster name.
    pub cluster: String,
    /// Every member of the cluster, also those without an image here; manifests of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<DescribedMember>,
    /// The CA and the admin certificate.
    pub certificates: Vec<CertificateRecord>,
    /// One per image, in the order of the cluster.
    pub nodes: Vec<NodeRecord>,
    /// Files that accompany all images.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<AttachmentRecord>,
    /// The operator's files in `client/`, which are not published.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client: Vec<AttachmentRecord>,
}

impl Manifest {
    /// Creates the record of a build.
    pub(super) fn new(sources: &Sources<'_>, plans: &[Plan], images: &[Staged]) -> Self {
        let written: BTreeMap<&str, (&Plan, &Staged)> = plans
            .iter()
            .zip(images)
            .map(|(plan, image)| (plan.node.as_str(), (plan, image)))
            .collect();
        let record =
            |node: &Node| NodeRecord::new(sources, node, *written.get(node.name.as_str())?);
        Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            cluster: sources.nodes.cluster.name.clone(),
            members: ClusterDescription::new(sources.nodes.cluster).members,
            certificates: vec![
                CertificateRecord::new("ca", &sources.nodes.certs.ca),
                CertificateRecord::new("admin", &sources.nodes.certs.admin.certificate),
            ],
            nodes: sources
                .nodes
                .cluster
                .nodes
                .iter()
                .filter_map(record)
                .collect(),
            attachments: Vec::new(),
            client: Vec::new(),
        }
    }

    /// Returns whether the images of a plan were built before, and still exist with their sizes. Their content is not read.
    pub(super) fn has_built(
        &self,
        sources: &Sources<'_>,
        plan: &Plan,
        output: &OutputOptions,
    ) -> bool {
        let same = |node: &NodeRecord| {
            let files = plan.steps.iter().map(FileRecord::new);
            let exists = |format: &ImageFormat| {
                let mut outputs = node.outputs.iter();
                outputs.find(|it| it.format == *format).is_some_and(|it| {
                    let metadata = fs_err::metadata(output.out.join(&it.name));
                    metadata.is_ok_and(|metadata| metadata.len() == it.size)
                })
            };
            node.name == plan.node
                && node.time == plan.time
                && node.disk_id == format!("{:08x}", plan.disk_id.1)
                && node.base == sources.base
                && node.etcd == InputRecord::etcd(sources.nodes.etcd)
                && node.files.iter().cloned().eq(files)
                && output.formats.iter().all(exists)
        };
        self.version == env!("CARGO_PKG_VERSION") && self.nodes.iter().any(same)
    }

    /// Returns the manifest for display, without the digests of files that not everybody may read: they would allow
    /// guessing passwords. The stored manifest has them because `verify` needs them; it has mode 0600 and lies next to
    /// images that hold the secrets themselves.
    #[must_use]
    pub(crate) fn shown(&self) -> Self {
        let mut shown = self.clone();
        let files = shown.nodes.iter_mut().flat_map(|node| &mut node.files);
        files.for_each(|file| file.kind.withhold());
        shown.client.clear();
        shown
    }

    /// Reads the manifest of an output directory, if it has one that this version can read.
    pub(crate) fn in_directory(out: &Path) -> Result<Option<Self>> {
        let text = if_exists(fs_err::read_to_string(out.join(MANIFEST)))?;
        Ok(text.and_then(|text| Self::from_json(&text).ok()))
    }

    /// Fails if the images of a directory are those of another cluster. The CA of a renamed cluster is the same; after a change of the CA,
    /// its nodes still have the host keys that `host_key` returns by their names.
    pub(crate) fn must_be_of(
        &self,
        cluster: &str,
        ca: Option<&str>,
        host_key: impl Fn(&str) -> Result<Option<String>>,
        out: &Path,
    ) -> Result<()> {
        if self.ca() == ca {
            return Ok(());
        }
        for node in &self.nodes {
            if host_key(&node.name)?.is_some_and(|key| key == node.ssh_host_key) {
                return Ok(());
            }
        }
        let (out, found) = (out.display(), &self.cluster);
        Err(match found == cluster {
            true => Kind::Usage.error(
                format!("{out} contains images of cluster `{found}` with other keys"),
                OTHER_KEYS,
            ),
            false => Kind::Usage.error(
                format!(
                    "{out} contains images of cluster `{found}`, and this is cluster `{cluster}`"
                ),
                "name another directory with `--out`, or remove these images",
            ),
        })
    }

    /// Returns the fingerprint of the CA.
    pub(crate) fn ca(&self) -> Option<&str> {
        let ca = self.certificates.first();
        ca.map(|ca| ca.fingerprint.as_str())
    }

    /// Parses a manifest.
    pub(crate) fn from_json(text: &str) -> Result<Self> {
        let mut manifest: Self = serde_json::from_str(text).context("reading the manifest")?;
        anyhow::ensure!(
            manifest.format == FORMAT,
            "manifest format {} is not {FORMAT}",
            manifest.format
        );
        manifest.nodes.iter_mut().for_each(NodeRecord::complete);
        manifest.check_names()?;
        if let Some(name) = manifest.foreign_name() {
            anyhow::bail!(
                "it lists `{}`, which no build writes",
                name.escape_default()
            );
        }
        Ok(manifest)
    }

    /// Refuses names that lead out of the output directory or cannot be printed, since a manifest may come from elsewhere.
    fn check_names(&self) -> Result<()> {
        let client = self.client.iter().map(|it| it.name.as_str());
        let is_operators = |name: &str| name.strip_prefix("client/").is_some_and(is_name);
        let mut wrong = client.filter(|name| !is_operators(name));
        let images = self.nodes.iter().map(|node| node.image.as_str());
        let members = self.members.iter().map(|member| member.name.as_str());
        let nodes = self.nodes.iter().map(|node| node.name.as_str());
        let own = nodes.chain(members).chain([self.cluster.as_str()]);
        let files = self.digests().map(|(name, _)| name).chain(images);
        let mut names = files.chain(own);
        match wrong.next().or(names.find(|name| !is_name(name))) {
            Some(name) => anyhow::bail!("the name {name:?} is not valid"),
            None => Ok(()),
        }
    }

    /// Returns the manifest as indented JSON.
    pub(crate) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self).context("writing the manifest")? + "\n")
    }

    /// Returns the lines for `sha256sum -c`: images, the files that accompany them, and the manifest itself.
    pub(crate) fn sums(&self) -> Result<String> {
        let own = hex::sha256(self.to_json()?);
        let all = self.digests().chain([(MANIFEST, own.as_str())]);
        let lines: Vec<_> = all
            .map(|(name, digest)| format!("{digest}  {name}\n"))
            .collect();
        Ok(lines.concat())
    }

    /// Returns the name and the digest of every file that the manifest lists.
    pub(super) fn digests(&self) -> impl Iterator<Item = (&str, &str)> {
        let outputs = self.nodes.iter().flat_map(|node| &node.outputs);
        let outputs = outputs.map(|output| (output.name.as_str(), output.sha256.as_str()));
        let attachments = self.attachments();
        outputs.chain(attachments.map(|it| (it.name.as_str(), it.sha256.as_str())))
    }

    /// Lists a file that accompanies the image of a node, in place of an earlier one.
    pub(crate) fn attach_to(&mut self, node: &str, attachment: &Attachment) {
        if let Some(node) = self.nodes.iter_mut().find(|known| known.name == node) {
            node.attachments
                .retain(|known| known.name != attachment.name);
            let record = AttachmentRecord::new(&attachment.name, &attachment.bytes);
            node.attachments.push(record);
        }
    }

    /// Returns the formats of all images.
    pub(crate) fn formats(&self) -> BTreeSet<ImageFormat> {
        let outputs = self.nodes.iter().flat_map(|node| &node.outputs);
        outputs.map(|output| output.format).collect()
    }

    /// Returns whether files accompany each image. Earlier builds wrote none beside images that were not published.
    pub(crate) fn is_described(&self) -> bool {
        self.nodes.iter().all(|node| !node.attachments.is_empty())
    }

    /// Returns whether block maps accompany the images, as those of published ones.
    pub(crate) fn is_published(&self) -> bool {
        let mut records = self.nodes.iter().flat_map(|node| &node.attachments);
        records.any(|record| record.name.ends_with(MAP_ENDING))
    }

    /// Lists a file that accompanies all images.
    pub(crate) fn attach(&mut self, attachment: &Attachment) {
        let record = AttachmentRecord::new(&attachment.name, &attachment.bytes);
        self.attachments.push(record);
    }

    /// Returns all files that accompany images.
    pub(super) fn attachments(&self) -> impl Iterator<Item = &AttachmentRecord> {
        let of_nodes = self.nodes.iter().flat_map(|node| &node.attachments);
        of_nodes.chain(&self.attachments)
    }
}
