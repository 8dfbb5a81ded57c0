//! The description of a cluster: `cluster.json` in the state directory and in `client/`.
//!
//! Commands for running clusters read it instead of `cluster.toml`, so that the state directory alone is enough.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::format;
use crate::failure::Kind;
use crate::file::if_exists;
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
    /// Whether etcd speaks plain HTTP.
    #[serde(default, skip_serializing_if = "format::is_false")]
    pub insecure: bool,
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
            insecure: cluster.etcd.insecure,
            quota: cluster.etcd.quota,
            members: members.collect(),
        }
    }

    /// Serializes the description as indented JSON.
    pub fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Returns whether the directory describes a cluster that speaks plain HTTP.
    pub(crate) fn is_insecure(folder: &Path) -> Result<bool> {
        Ok(Self::find(folder)?.is_some_and(|found| found.insecure))
    }

    /// Refuses a state directory whose cluster has the other scheme in its URLs: members with data would never find each
    /// other again.
    pub(crate) fn refuse_other_scheme(folder: &Path, cluster: &Cluster) -> Result<()> {
        let found = Self::find(folder)?;
        if found.is_none_or(|found| found.insecure == cluster.etcd.insecure) {
            return Ok(());
        }
        let (was, is) = match cluster.etcd.insecure {
            true => ("uses TLS", "plain HTTP"),
            false => ("speaks plain HTTP", "TLS"),
        };
        Err(Kind::Usage.error(
            format!(
                "the cluster of {} {was}, and its nodes cannot change to {is}",
                folder.display()
            ),
            "name another directory with `--state`: its nodes begin a new cluster with empty data",
        ))
    }

    /// Reads the description from a state directory, or from the directory `client` beside the images.
    pub fn read(folder: &Path) -> Result<Self> {
        let found = Self::find(folder)?;
        found.map_or_else(|| Err(absent(folder)?), Ok)
    }

    /// Reads the description from a directory; returns `None` if the directory or the file does not exist.
    pub fn find(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(CLUSTER);
        let Some(json) = if_exists(fs_err::read(&path))? else {
            return Ok(None);
        };
        let damaged = || {
            let hint = "remove it and run `etcd-image build`, which writes it again";
            Kind::Usage.context(format!("{} is damaged", path.display()), hint)
        };
        Self::from_json(&json).map(Some).with_context(damaged)
    }

    fn from_json(json: &[u8]) -> Result<Self> {
        let value: serde_json::Value = serde_json::from_slice(json)?;
        let newer = value["format"].as_u64() > Some(u64::from(FORMAT));
        anyhow::ensure!(!newer, "a newer version of etcd-image wrote it");
        let hostile = format::has_control_characters(&value);
        anyhow::ensure!(!hostile, "it contains control characters");
        Ok(serde_json::from_value(value)?)
    }
}

/// Returns why a directory has no description.
fn absent(folder: &Path) -> Result<anyhow::Error> {
    let shown = folder.display();
    let metadata = if_exists(fs_err::metadata(folder))?;
    let what = match metadata.map(|found| found.is_dir()) {
        Some(true) => return Ok(without_description(folder, clusters_in(folder)?.first())),
        Some(false) => "is not a directory",
        None => "does not exist",
    };
    let hint = "name the state directory with `--state`, or run this where you build";
    Ok(Kind::Usage.error(format!("{shown} {what}"), hint))
}

/// Returns the error for a directory without a description, of which `cluster` is a subdirectory with one.
fn without_description(folder: &Path, cluster: Option<&PathBuf>) -> anyhow::Error {
    let shown = folder.display();
    match cluster {
        Some(cluster) => Kind::Usage.error(
            format!("{shown} is the state directory of a fleet, not of one cluster"),
            format!("name the directory of a cluster, as in `--state {}`", cluster.display()),
        ),
        None => Kind::Usage.error(
            format!("{shown} has no {CLUSTER}"),
            "name the state directory of a cluster with `--state`; if an earlier version made this one, run `etcd-image \
             build` again, which keeps its certificates",
        ),
    }
}

/// Returns the subdirectories that describe a cluster, sorted.
fn clusters_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.join(CLUSTER).is_file() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
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

    /// Returns the whole message and the hint for a directory that cannot be read, whose own path is written as `DIR`.
    fn refused_directory(folder: &Path) -> (String, String) {
        let error = ClusterDescription::read(folder).unwrap_err();
        let (_, hint) = crate::failure::explain(&error);
        let own = |text: &str| text.replace(folder.to_str().unwrap(), "DIR");
        (own(&format!("{error:#}")), own(&hint))
    }

    #[test]
    fn a_missing_description_is_told_from_an_unreadable_one() {
        let folder = tempfile::TempDir::new().unwrap();
        let hint = "name the state directory with `--state`, or run this where you build";
        let (message, found) = refused_directory(&folder.path().join("nope"));
        assert_eq!(
            (message.as_str(), found.as_str()),
            ("DIR does not exist", hint)
        );

        let (message, _) = refused_directory(folder.path());
        assert_eq!(message, "DIR has no cluster.json");

        // A link to itself exists, but neither root nor anybody else can read it.
        std::os::unix::fs::symlink(CLUSTER, folder.path().join(CLUSTER)).unwrap();
        let (message, _) = refused_directory(folder.path());
        assert!(
            message.starts_with("failed to open file `DIR/cluster.json`: "),
            "{message}"
        );
    }

    #[test]
    fn the_state_directory_of_a_fleet_leads_to_one_of_its_clusters() {
        let folder = tempfile::TempDir::new().unwrap();
        for cluster in ["lab-02", "lab-01"] {
            let cluster = folder.path().join(cluster);
            fs_err::create_dir(&cluster).unwrap();
            fs_err::write(cluster.join(CLUSTER), EXAMPLE).unwrap();
        }
        let expected = (
            "DIR is the state directory of a fleet, not of one cluster".to_owned(),
            "name the directory of a cluster, as in `--state DIR/lab-01`".to_owned(),
        );
        assert_eq!(refused_directory(folder.path()), expected);
    }

    #[test]
    fn what_this_version_cannot_read_is_refused() {
        let newer = EXAMPLE.replace("\"format\": 1", "\"format\": 2");
        assert_eq!(refused(&newer), "a newer version of etcd-image wrote it");
        let hostile = EXAMPLE.replace("main", "\\u001b[2J");
        assert_eq!(refused(&hostile), "it contains control characters");
        let lacking = EXAMPLE.replace("\"user\"", "\"person\"");
        assert!(refused(&lacking).starts_with("missing field `user`"));
    }
}
