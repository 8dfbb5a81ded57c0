//! What the operator's machine needs to reach a cluster.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::ssh::Ssh;
use crate::description::ClusterDescription;
use crate::etcd::{Client, Patience};

/// For members on a real network, possibly a busy wireless one. etcd itself gives up on a request after 15 s with the
/// timeouts for SD cards.
const NETWORK: Patience = Patience {
    connect: Duration::from_secs(3),
    greet: Duration::from_secs(5),
    answer: Duration::from_secs(5),
};

/// The way to a cluster and its nodes.
#[derive(Debug)]
pub struct Access {
    /// The cluster as it was built.
    pub(super) description: ClusterDescription,
    pub(super) client: Client,
    pub(super) ssh: Ssh,
}

impl Access {
    /// Reads the state directory, or the directory `client` beside the images. `identity` is a private key for ssh.
    pub fn open(folder: &Path, identity: Option<PathBuf>) -> Result<Self> {
        let description = ClusterDescription::read(folder)?;
        Ok(Self {
            client: Client::open(folder, NETWORK)?,
            ssh: Ssh {
                known_hosts: folder.join("known_hosts"),
                user: description.user.clone(),
                identity,
            },
            description,
        })
    }
}
