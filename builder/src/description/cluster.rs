//! The description of a cluster: `cluster.json` in the state directory and in `client/`.
//!
//! Commands for running clusters read it instead of `cluster.toml`, so that the state directory alone is enough.

use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::format;
use crate::failure::Kind;
use crate::spec::Cluster;

/// The name of the file.
pub const CLUSTER: &str = "cluster.json";

/// The newest format that this version reads, and the one that it writes.
const FORMAT: u32 = 1;

/// What a build knows about a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterDescription {
    /// Version of this format.
    pub format: u32,
    /// Cluster name.
    pub cluster: String,
    /// Login user of every node.
    pub user: String,
    /// The database size in bytes at which etcd stops accepting writes.
    pub quota: u64,
    /// Every member, in the order of `cluster.toml`.
    pub members: Vec<DescribedMember>,
}

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedMember {
    /// Member and host name.
    pub name: String,
    /// Static address.
    pub address: IpAddr,
}

impl ClusterDescription {
    /// Describes a cluster.
    pub fn new(cluster: &Cluster) -> Self {
        let members = cluster.nodes.iter().map(|node| DescribedMember {
            name: node.name.clone(),
            address: node.address,
        });
        Self {
            format: FORMAT,
            cluster: cluster.name.clone(),
            user: cluster.ssh.user.clone(),
            quota: cluster.etcd.quota,
            members: members.collect(),
        }
    }

    /// Serializes the description as indented JSON.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads the description from a state directory, or from the directory `client` beside the images.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(CLUSTER);
        if !folder.is_dir() {
            let message = format!("{} is not a directory", folder.display());
            let hint = "name the state directory with --state, or run this where you build";
            return Err(Kind::Usage.error(message, hint));
        }
        if !path.exists() {
            let message = format!("{} does not exist", path.display());
            let hint = "an earlier version made this directory: run `etcd-image build` again, which keeps its certificates";
            return Err(Kind::Usage.error(message, hint));
        }
        let damaged = || {
            let hint = "run `etcd-image build` again, which writes it anew";
            Kind::Usage.context(format!("{} is not readable", path.display()), hint)
        };
        Self::from_json(&fs_err::read(&path)?).with_context(damaged)
    }

    fn from_json(json: &[u8]) -> Result<Self> {
        let value: serde_json::Value = serde_json::from_slice(json)?;
        let newer = value["format"].as_u64() > Some(u64::from(FORMAT));
        anyhow::ensure!(!newer, "a newer version of etcd-image wrote it");
        let hostile = format::has_control_characters(&value);
        anyhow::ensure!(!hostile, "a text in it has control characters");
        Ok(serde_json::from_value(value)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"{"format": 1, "cluster": "main", "user": "pi", "quota": 2147483648,
        "members": [{"name": "etcd1", "address": "192.168.0.50"}]}"#;

    fn refused(json: &str) -> String {
        let error = ClusterDescription::from_json(json.as_bytes());
        error.unwrap_err().to_string()
    }

    #[test]
    fn a_description_survives_writing_and_reading() {
        let read = ClusterDescription::from_json(EXAMPLE.as_bytes()).unwrap();
        let json = read.to_json().unwrap();
        assert_eq!(
            ClusterDescription::from_json(json.as_bytes()).unwrap(),
            read
        );
        assert_eq!(read.members[0].address.to_string(), "192.168.0.50");
    }

    #[test]
    fn what_this_version_cannot_read_is_refused() {
        let newer = EXAMPLE.replace("\"format\": 1", "\"format\": 2");
        assert_eq!(refused(&newer), "a newer version of etcd-image wrote it");
        let hostile = EXAMPLE.replace("main", "\\u001b[2J");
        assert_eq!(refused(&hostile), "a text in it has control characters");
        let lacking = EXAMPLE.replace("\"user\"", "\"person\"");
        assert!(refused(&lacking).starts_with("missing field `user`"));
    }
}
