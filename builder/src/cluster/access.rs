//! What the operator's machine needs to reach a cluster.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::ssh::{OperatorSsh, SshLogin};
use crate::description::{ClusterDescription, DescribedMember};
use crate::etcd::{Client, Timeouts};
use crate::failure::Kind;
use crate::printable::printable;
use crate::spec::NewNode;

/// For members on a real network, possibly a busy wireless one. etcd itself gives up on a request after 15 s with the
/// timeouts for SD cards.
const NETWORK: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    handshake: Duration::from_secs(5),
    answer: Duration::from_secs(5),
};

/// The way to a cluster and its nodes.
#[derive(Debug)]
pub struct Access {
    /// The directory from which all this was read.
    pub(super) folder: PathBuf,
    /// The cluster as it was built.
    pub(super) description: ClusterDescription,
    pub(super) client: Client,
    pub(super) ssh: OperatorSsh,
}

/// Opens a client of the cluster with the current certificates of a directory.
pub(super) fn client(folder: &Path) -> Result<Client> {
    Client::open(folder, NETWORK)
}

impl Access {
    /// Reads the state directory, or the directory `client` beside the images. `login` is for the nodes.
    pub fn open(folder: &Path, login: SshLogin) -> Result<Self> {
        let description = ClusterDescription::read(folder)?;
        if let Some(key) = &login.identity {
            fs_err::metadata(key).with_context(|| {
                // ssh itself would go on without it, and report that the node refuses the login.
                let hint =
                    "name an existing private key, or leave `--ssh-identity` out to use those of ssh";
                Kind::Usage.context(format!("reading the SSH key {}", key.display()), hint)
            })?;
        }
        Ok(Self {
            folder: folder.to_owned(),
            client: client(folder)?,
            ssh: OperatorSsh {
                known_hosts: folder.join("known_hosts"),
                user: description.user.clone(),
                login,
            },
            description,
        })
    }

    /// Describes a member that the last build does not contain any more, so that it is asked as well.
    #[must_use]
    pub fn including(mut self, name: &str, address: Option<IpAddr>) -> Self {
        let members = &mut self.description.members;
        let is_known =
            |member: &DescribedMember| member.name == name || Some(member.address) == address;
        if let (Some(address), false) = (address, members.iter().any(is_known)) {
            members.push(DescribedMember {
                name: name.to_owned(),
                address,
            });
        }
        self
    }

    /// Returns the name of the cluster.
    pub fn cluster(&self) -> &str {
        &self.description.cluster
    }

    /// Returns whether the members and clients of the cluster use certificates.
    pub fn uses_certificates(&self) -> bool {
        !self.description.insecure
    }

    /// Refuses a command about certificates if the cluster uses none.
    pub fn must_use_certificates(&self) -> Result<()> {
        match self.description.insecure {
            false => Ok(()),
            true => Err(Kind::Usage.error(
                format!(
                    "cluster {} speaks plain HTTP and uses no certificates",
                    self.description.cluster
                ),
                "set `insecure = false` in [etcd], and build a new cluster with another `--state`",
            )),
        }
    }

    /// Returns the nodes of the last build.
    pub fn nodes(&self) -> Vec<NewNode> {
        let members = self.description.members.iter();
        let node = |member: &DescribedMember| NewNode {
            name: member.name.clone(),
            address: member.address,
        };
        members.map(node).collect()
    }

    /// Returns the address of a node of the last build.
    pub fn described(&self, name: &str) -> Option<IpAddr> {
        let mut members = self.description.members.iter();
        let found = members.find(|member| member.name == name);
        found.map(|member| member.address)
    }

    /// Returns whether the state directory has the keys of a node, also of one that has left the cluster.
    pub fn was_built(&self, name: &str) -> bool {
        NewNode::check_name(name).is_ok() && self.folder.join("nodes").join(name).is_dir()
    }

    /// Refuses the name of a node that is none of the last build's.
    pub fn must_describe(&self, name: &str) -> Result<()> {
        self.node(name).map(drop)
    }

    /// Returns whether a node of the last build runs etcd, or waits for others with this cluster's certificates.
    pub fn is_running(&self, name: &str) -> bool {
        self.described(name)
            .is_some_and(|address| self.client.check_peer_port(address).is_ok())
    }

    /// Returns the node of this name.
    pub(super) fn node(&self, name: &str) -> Result<&DescribedMember> {
        let ClusterDescription {
            cluster, members, ..
        } = &self.description;
        let found = members.iter().find(|member| member.name == name);
        found.ok_or_else(|| {
            let names: Vec<_> = members.iter().map(|member| member.name.as_str()).collect();
            let message = format!("cluster {cluster} has no node `{}`", printable(name));
            Kind::Usage.error(message, format!("its nodes are {}", names.join(", ")))
        })
    }

    /// Returns these names of nodes without repetitions, or those of all nodes if none is given.
    pub(super) fn named(&self, names: &[String]) -> Result<Vec<String>> {
        let described = self.description.members.iter();
        let wanted = described.filter(|member| names.is_empty() || names.contains(&member.name));
        for name in names {
            self.node(name)?;
        }
        Ok(wanted.map(|member| member.name.clone()).collect())
    }
}
