//! The result of `etcd-image fetch`: the inputs that it put into the cache, as text and JSON.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::sources::InputRecord;
use crate::fetch::{EtcdBinaries, Verified};

/// The inputs of the images of one cluster.
#[derive(Debug, Serialize)]
pub(crate) struct FetchReport {
    /// Version of this format.
    pub format: u32,
    /// The base image.
    pub base: Raw,
    /// etcd's binaries.
    pub etcd: InputRecord,
}

/// A base image and its location.
#[derive(Debug, Serialize)]
pub(crate) struct Raw {
    /// Its name, its source, and the digest of its bytes.
    #[serde(flatten)]
    pub input: InputRecord,
    /// Path of the unpacked image, in the cache unless the user provided it unpacked.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
}

impl FetchReport {
    /// Creates the record of both inputs.
    pub(crate) fn new(input: InputRecord, base: &Verified, etcd: &EtcdBinaries) -> Self {
        let base = Raw {
            input,
            path: base.path().display().to_string(),
            size: base.size(),
        };
        let etcd = InputRecord::etcd(etcd);
        Self {
            format: 1,
            base,
            etcd,
        }
    }
}

/// The inputs of all clusters of a fleet.
#[derive(Debug, Default, Serialize)]
pub(crate) struct FleetFetchReport {
    /// Version of this format.
    pub format: u32,
    /// One per cluster, in the order of the fleet.
    pub clusters: Vec<ClusterFetchReport>,
}

/// The inputs of a cluster of a fleet.
#[derive(Debug, Serialize)]
pub(crate) struct ClusterFetchReport {
    /// Its name.
    pub cluster: String,
    /// The inputs.
    pub inputs: FetchReport,
}

impl FleetFetchReport {
    /// Adds the inputs of the next cluster.
    pub(crate) fn add(&mut self, cluster: &str, inputs: FetchReport) {
        self.format = 1;
        self.clusters.push(ClusterFetchReport {
            cluster: cluster.to_owned(),
            inputs,
        });
    }
}

impl Display for FleetFetchReport {
    /// Prints each different pair of inputs once, with the clusters that use it.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut printed: Vec<(String, Vec<&str>)> = Vec::new();
        for it in &self.clusters {
            let text = it.inputs.to_string();
            match printed.iter_mut().find(|(known, _)| *known == text) {
                Some((_, clusters)) => clusters.push(&it.cluster),
                None => printed.push((text, vec![&it.cluster])),
            }
        }
        for (text, clusters) in printed {
            writeln!(f, "for {}:\n{text}", clusters.join(", "))?;
        }
        Ok(())
    }
}

impl Display for FetchReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (what, input) in [("base", &self.base.input), ("etcd", &self.etcd)] {
            writeln!(
                f,
                "{what}  {}\n      {}\n      sha256 {}",
                input.name, input.source, input.sha256
            )?;
        }
        Ok(())
    }
}
