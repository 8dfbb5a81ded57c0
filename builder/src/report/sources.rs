//! The inputs of a build, and their records.

use serde::{Deserialize, Serialize};

use crate::fetch::{EtcdBinaries, UnpackedArchive};
use crate::pki::Certs;
use crate::snapshot::Snapshot;
use crate::spec::{Board, Cluster};

/// The inputs of a build.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    /// The cluster as configured.
    pub cluster: &'a Cluster,
    /// Certificates, keys and ids.
    pub certs: &'a Certs,
    /// etcd's binaries.
    pub etcd: &'a EtcdBinaries,
    /// The content with which a new cluster begins.
    pub snapshot: Option<&'a Snapshot>,
    /// The content of each archive of the cluster, in the same order.
    pub archives: &'a [UnpackedArchive],
    /// The base.
    pub base: InputRecord,
    /// The boards that the base can boot on.
    pub boards: &'a [Board],
}

/// An input of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputRecord {
    /// Recipe or version.
    pub name: String,
    /// Address or path it came from.
    pub source: String,
    /// SHA-256 of its bytes, lower-case hexadecimal.
    pub sha256: String,
}

impl InputRecord {
    pub(super) fn etcd(etcd: &EtcdBinaries) -> Self {
        Self {
            name: etcd.version.clone(),
            source: etcd.source.clone(),
            sha256: etcd.sha256.clone(),
        }
    }
}
