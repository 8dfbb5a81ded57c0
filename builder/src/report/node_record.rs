//! The records of nodes and their images in `manifest.json`.

use serde::{Deserialize, Serialize};

use super::attachment::AttachmentRecord;
use super::build_record::BuildRecord;
use super::certificate_record::{CertificateRecord, certificates};
use super::file_record::FileRecord;
use super::sources::{InputRecord, Sources};
use crate::apply::{Staged, StagedFile};
use crate::description::DescribedMember;
use crate::image_format::ImageFormat;
use crate::plan::Plan;
use crate::spec::{Board, Node};

/// One node and its image.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NodeRecord {
    /// Member and host name.
    pub name: String,
    /// Static address.
    pub address: String,
    /// File name of the image, of the raw one if it was written.
    pub image: String,
    /// Size of the raw image in bytes.
    pub size: u64,
    /// SHA-256 of the raw image, lower-case hexadecimal.
    pub sha256: String,
    /// The files of the image, one for each format, the raw one first.
    #[serde(default)]
    pub outputs: Vec<OutputRecord>,
    /// Files that accompany the image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<AttachmentRecord>,
    /// The boards that the image can boot on.
    #[serde(default)]
    pub boards: Vec<Board>,
    /// The base image.
    pub base: InputRecord,
    /// etcd's binaries.
    pub etcd: InputRecord,
    /// Seconds since 1970 given to everything written.
    pub time: i64,
    /// MBR disk signature, eight hexadecimal digits.
    pub disk_id: String,
    /// `/etc/machine-id`; empty if the node generates it at its first boot.
    pub machine_id: String,
    /// SSH host key, `ssh-ed25519 AAAA…`.
    pub ssh_host_key: String,
    /// Server and peer certificate.
    pub certificates: Vec<CertificateRecord>,
    /// The members that the image lists, if the cluster has had others since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outdated_members: Option<Vec<DescribedMember>>,
    /// The build that made the image, if it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<BuildRecord>,
    /// Every path that was changed, in the order of the plan.
    pub files: Vec<FileRecord>,
}

/// A file that contains an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OutputRecord {
    /// File name.
    pub name: String,
    /// Format of the file.
    pub format: ImageFormat,
    /// Size of the file in bytes.
    pub size: u64,
    /// SHA-256 of the file, lower-case hexadecimal.
    pub sha256: String,
}

impl NodeRecord {
    /// Creates the record of a written image; `None` if the node has no certificates or no file.
    pub(super) fn new(
        sources: &Sources<'_>,
        node: &Node,
        (plan, image): (&Plan, &Staged),
    ) -> Option<Self> {
        let inputs = &sources.nodes;
        let identity = inputs.certs.nodes.get(&node.name)?;
        Some(Self {
            name: node.name.clone(),
            address: node.address.to_string(),
            image: image.files.first()?.name.clone(),
            outputs: image.files.iter().map(OutputRecord::new).collect(),
            attachments: Vec::new(),
            boards: match node.board {
                Some(board) => vec![board],
                None => inputs.recipe.boards.clone(),
            },
            size: image.size,
            sha256: image.sha256.clone(),
            base: sources.base.clone(),
            etcd: InputRecord::etcd(inputs.etcd),
            time: plan.time,
            disk_id: format!("{:08x}", plan.disk_id.1),
            machine_id: match plan.steps.iter().any(|step| step.path == "/etc/machine-id") {
                true => identity.machine_id.clone(),
                false => String::new(),
            },
            ssh_host_key: identity.ssh_host_public.clone(),
            certificates: certificates(identity, inputs.cluster),
            outdated_members: None,
            build: None,
            files: plan.steps.iter().map(FileRecord::new).collect(),
        })
    }

    /// Adds the raw image of a manifest that knows no other format.
    pub(super) fn complete(&mut self) {
        if self.outputs.is_empty() {
            self.outputs.push(OutputRecord {
                name: self.image.clone(),
                format: ImageFormat::Img,
                size: self.size,
                sha256: self.sha256.clone(),
            });
        }
    }

    /// Returns whether a file contains the image of this node.
    pub(crate) fn has_output(&self, name: &str) -> bool {
        self.outputs.iter().any(|output| output.name == name)
    }
}

impl OutputRecord {
    fn new(file: &StagedFile) -> Self {
        Self {
            name: file.name.clone(),
            format: file.format,
            size: file.size,
            sha256: file.sha256.clone(),
        }
    }
}
