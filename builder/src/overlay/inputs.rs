//! The inputs from which the files of a node are made.

use anyhow::{Context as _, Result};

use super::source::Overlays;
use crate::description::BaseFacts;
use crate::fetch::{EtcdBinaries, UnpackedArchive};
use crate::inspect::System;
use crate::pki::{Certs, NodeIdentity};
use crate::recipe::Recipe;
use crate::snapshot::Snapshot;
use crate::spec::{Appliance, CertificateFile, Cluster, Node};

/// The inputs that all nodes of a cluster share.
#[derive(Debug)]
pub struct NodeInputs<'a> {
    /// The overlay files.
    pub overlays: &'a Overlays,
    /// The recipe, which selects overlays and firmware files.
    pub recipe: &'a Recipe,
    /// The resolved cluster.
    pub cluster: &'a Cluster,
    /// Certificates, keys and ids.
    pub certs: &'a Certs,
    /// etcd's binaries.
    pub etcd: &'a EtcdBinaries,
    /// The content with which a new cluster begins; `None` for an empty one.
    pub snapshot: Option<&'a Snapshot>,
    /// The content of each archive of the cluster, in the same order.
    pub archives: &'a [UnpackedArchive],
    /// The kind of system on the base.
    pub system: &'a System,
    /// The facts about the base for the node's description.
    pub base: BaseFacts,
}

impl NodeInputs<'_> {
    pub(super) fn identity(&self, node: &Node) -> Result<&NodeIdentity> {
        let identity = self.certs.nodes.get(&node.name);
        identity.with_context(|| format!("finding the certificates of node {}", node.name))
    }

    /// Returns the `[[certificate]]` tables of a node.
    pub(super) fn certificate_files(&self, node: &Node) -> impl Iterator<Item = &CertificateFile> {
        let files = self.cluster.certificates.iter();
        files.filter(|file| file.is_on(&node.name))
    }

    /// Returns `[appliance]` as the base supports it: a base without appliance support gets a writable root.
    pub(super) fn appliance(&self) -> Appliance {
        let asked = self.cluster.appliance.clone();
        match self.recipe.makes_appliances() {
            true => asked,
            false => Appliance {
                read_only: false,
                ..asked
            },
        }
    }
}
