//! The inputs of a build, and their records.

use serde::{Deserialize, Serialize};

use crate::fetch::EtcdBinaries;
use crate::overlay::NodeInputs;

/// The inputs of a build.
#[derive(Debug)]
pub(crate) struct Sources<'a> {
    /// What the files of its nodes are made from.
    pub nodes: NodeInputs<'a>,
    /// The record of the base.
    pub base: InputRecord,
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
