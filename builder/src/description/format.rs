//! The JSON format of a node's description.
//!
//! Readers ignore fields and roles that they do not know, so that a newer version may add some. [`FORMAT`] is raised only
//! when a field changes its meaning or disappears; readers refuse a newer format. Nothing in the file is secret: private
//! keys and passwords are listed by path only, without a digest.

use std::net::IpAddr;

use serde::{Deserialize, Deserializer, Serialize};

use super::member::MemberUrls;
use crate::failure::Kind;
use crate::inspect::Volume;

/// The newest format that this version reads, and the one that it writes.
const FORMAT: u32 = 1;

/// What a build knows about one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeDescription {
    /// Version of this format.
    pub format: u32,
    /// Program and version that wrote the image.
    pub written_by: String,
    /// Cluster name.
    pub cluster: String,
    /// Member and host name.
    pub node: String,
    /// Domain of the host names.
    pub domain: String,
    /// Network configuration of the node.
    pub network: NetworkFacts,
    /// Every member of the cluster, this node included, in the order of the cluster.
    pub members: Vec<MemberUrls>,
    /// Base image that the build started from.
    pub base: BaseFacts,
    /// etcd release that the node runs.
    pub etcd: EtcdFacts,
    /// Time of the build, in seconds since 1970.
    pub time: i64,
    /// `/etc/machine-id`, or `None` if the node generates it at its first boot.
    pub machine_id: Option<String>,
    /// Whether etcd speaks plain HTTP.
    #[serde(default, skip_serializing_if = "is_false")]
    pub insecure: bool,
    /// Directory of etcd's data; images of earlier versions do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<String>,
    /// Offset in bytes at which etcd's data begins on the boot card, or `None` if it is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_start: Option<u64>,
    /// Login user and keys.
    pub login: LoginUser,
    /// Every file that the build wrote completely; edits of the base's own files are not listed.
    pub files: Vec<DescribedFile>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
pub(super) fn is_false(value: &bool) -> bool {
    !value
}

/// A node's network configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkFacts {
    /// The address, which a DHCP server has to reserve for the node if it gives it.
    pub address: IpAddr,
    /// Length of the network prefix.
    pub prefix: u8,
    /// Default gateway, if any.
    pub gateway: Option<IpAddr>,
    /// Whether a DHCP server gives the node its address.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dhcp: bool,
    /// Whether the network is Wi-Fi.
    pub wifi: bool,
}

/// The base image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseFacts {
    /// Name of the recipe.
    pub recipe: String,
    /// The operating system's own name for its release.
    pub release: String,
    /// SHA-256 of the raw base image, lower-case hexadecimal.
    pub sha256: String,
}

/// The etcd release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EtcdFacts {
    /// Version without the `v`, e.g. `3.6.14`; `unknown` if nothing states it.
    pub version: String,
    /// SHA-256 of the archive or packages, lower-case hexadecimal.
    pub sha256: String,
}

/// The login user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginUser {
    /// User name.
    pub user: String,
    /// SSH public keys that may log in, as in `authorized_keys(5)`.
    pub authorized_keys: Vec<String>,
    /// SSH host key, `ssh-ed25519 AAAA…`.
    pub host_key: String,
}

/// A file that the build wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DescribedFile {
    /// Partition of the image that contains the file.
    pub partition: Volume,
    /// Absolute path in that partition's file system.
    pub path: String,
    /// Role of the file, if a program needs to find it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "known_role"
    )]
    pub role: Option<FileRole>,
    /// SHA-256 of its content, lower-case hexadecimal; `None` if the content is secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Permissions of a file whose content is secret, four octal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The `[[certificate]]` that asked for this certificate, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued: Option<IssuedFile>,
}

/// What a `[[certificate]]` asked for, beside the file of the certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedFile {
    /// Its `role`.
    pub role: String,
    /// Path of the private key, which may be in the same file; `None` if the node has only the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// The role of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileRole {
    /// Certificate of the cluster's authority.
    CaCertificate,
    /// Certificate presented to clients.
    ServerCertificate,
    /// Private key of the server certificate.
    ServerKey,
    /// Certificate presented to other members.
    PeerCertificate,
    /// Private key of the peer certificate.
    PeerKey,
    /// Certificate presented both to clients and to other members.
    NodeCertificate,
    /// Private key of the certificate for both.
    NodeKey,
    /// Certificate of the login user for etcdctl.
    ClientCertificate,
    /// Private key of the login user's certificate.
    ClientKey,
    /// SSH host key.
    HostKey,
    /// etcd's configuration.
    Configuration,
    /// Network profile.
    Network,
}

impl FileRole {
    /// Returns the role of a file that stands for this one in an image with one certificate for both directions.
    fn of_both_directions(self) -> Option<Self> {
        match self {
            Self::ServerCertificate | Self::PeerCertificate => Some(Self::NodeCertificate),
            Self::ServerKey | Self::PeerKey => Some(Self::NodeKey),
            _ => None,
        }
    }
}

/// Deserializes a role; a role that this version does not know becomes `None`.
fn known_role<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<FileRole>, D::Error> {
    let value = serde_json::Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).ok())
}

impl BaseFacts {
    /// Returns the facts about a base image, without control characters in the release name, which readers refuse.
    pub fn new(recipe: &str, release: &str, sha256: &str) -> Self {
        Self {
            recipe: recipe.to_owned(),
            release: without_control_characters(release),
            sha256: sha256.to_owned(),
        }
    }
}

impl NodeDescription {
    /// Returns the value of `format` for a new description.
    pub fn current_format() -> u32 {
        FORMAT
    }

    /// Returns the file with the given role, if any. One certificate may have the roles of two.
    pub fn file(&self, role: FileRole) -> Option<&DescribedFile> {
        let with = |role| self.files.iter().find(|file| file.role == Some(role));
        with(role).or_else(|| role.of_both_directions().and_then(with))
    }

    /// Serializes the description as indented JSON.
    pub fn to_json(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Parses a description from JSON.
    ///
    /// Control characters are refused because commands print the values on terminals.
    pub fn from_json(json: &[u8]) -> anyhow::Result<Self> {
        let value: serde_json::Value = serde_json::from_slice(json).map_err(unreadable)?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format > u64::from(FORMAT) => Err(newer(format, &value)),
            _ if has_control_characters(&value) => {
                Err(unreadable("it contains control characters"))
            }
            _ => serde_json::from_value(value).map_err(unreadable),
        }
    }
}

/// Returns the text as readers of a description accept it.
pub(crate) fn without_control_characters(text: &str) -> String {
    text.chars().filter(|it| !it.is_control()).collect()
}

/// Returns whether a text in the value contains control characters, which could change the terminal that shows it.
pub(super) fn has_control_characters(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::String(text) => text.chars().any(char::is_control),
        Value::Array(values) => values.iter().any(has_control_characters),
        Value::Object(fields) => fields.values().any(has_control_characters),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn unreadable(why: impl std::fmt::Display) -> anyhow::Error {
    Kind::Corrupt.error(
        format!("the node's description is damaged: {why}"),
        "fetch the image again, or build it again with the same state directory",
    )
}

fn newer(format: u64, value: &serde_json::Value) -> anyhow::Error {
    let writer = value.get("written_by").and_then(serde_json::Value::as_str);
    let writer = writer.unwrap_or("a newer version of etcd-image");
    Kind::Unsupported.error(format!(
            "the node's description has format {format}, but this version reads formats up to {FORMAT}: {} wrote it",
            writer.escape_debug()
        ),
        "use the version of etcd-image that wrote the image, or a newer one",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::explain;

    fn example() -> serde_json::Value {
        serde_json::json!({
            "format": 1, "written_by": "etcd-image 0.1.0", "cluster": "etcd", "node": "etcd1", "domain": "local",
            "network": { "address": "192.168.0.50", "prefix": 24, "gateway": null, "wifi": false },
            "members": [], "base": { "recipe": "b", "release": "B 1", "sha256": "00" },
            "etcd": { "version": "3.6.14", "sha256": "01" }, "time": 0, "machine_id": null,
            "login": { "user": "pi", "authorized_keys": [], "host_key": "ssh-ed25519 A" },
            "files": [
                { "partition": "root", "path": "/k", "role": "server-key" },
                { "partition": "boot", "path": "/c", "sha256": "02" },
            ],
        })
    }

    fn read(value: &serde_json::Value) -> anyhow::Result<NodeDescription> {
        NodeDescription::from_json(value.to_string().as_bytes())
    }

    fn refused(value: &serde_json::Value) -> (Kind, String) {
        let error = read(value).unwrap_err();
        (explain(&error).0, error.to_string())
    }

    #[test]
    fn a_description_survives_writing_and_reading() {
        let description = read(&example()).unwrap();
        let json = description.to_json().unwrap();
        assert_eq!(
            NodeDescription::from_json(json.as_bytes()).unwrap(),
            description
        );
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json).unwrap(),
            example()
        );
        assert_eq!(description.file(FileRole::ServerKey).unwrap().path, "/k");
        assert_eq!(description.file(FileRole::HostKey), None);
    }

    #[test]
    fn fields_and_roles_of_newer_versions_are_ignored() {
        let mut newer = example();
        newer["color"] = "blue".into();
        newer["network"]["mtu"] = 9000.into();
        newer["files"][1]["role"] = "fan-profile".into();
        assert_eq!(read(&newer).unwrap(), read(&example()).unwrap());
    }

    #[test]
    fn a_newer_format_is_refused() {
        let mut newer = example();
        newer["format"] = 2.into();
        newer["written_by"] = "etcd-image 9.0.0".into();
        newer["network"] = "moved".into();
        let message = "the node's description has format 2, but this version reads formats up to 1: \
                       etcd-image 9.0.0 wrote it";
        assert_eq!(refused(&newer), (Kind::Unsupported, message.to_owned()));
    }

    #[test]
    fn a_missing_field_is_refused() {
        let mut broken = example();
        broken.as_object_mut().unwrap().remove("node");
        let message = "the node's description is damaged: missing field `node`";
        assert_eq!(refused(&broken), (Kind::Corrupt, message.to_owned()));
    }

    #[test]
    fn control_characters_are_refused() {
        let mut hostile = example();
        hostile["login"]["authorized_keys"] = serde_json::json!(["ssh-ed25519 A \u{1b}[2J"]);
        let message = "the node's description is damaged: it contains control characters";
        assert_eq!(refused(&hostile), (Kind::Corrupt, message.to_owned()));
    }
}
