//! The paths of etcd's files on a node, and of the files that its first boot installs.

use serde::Serialize;

use crate::inspect::{NODE_PROGRAMS, System};
use crate::spec::{CertificatePaths, Cluster, ConfigForm};

/// Absolute paths by the names that templates use.
#[derive(Debug, Serialize)]
pub(super) struct Paths {
    /// Directory of the programs.
    bin: &'static str,
    /// Directory of the programs that start etcd.
    lib: &'static str,
    /// The member's configuration.
    config: &'static str,
    #[serde(flatten)]
    certificates: Certificates,
    /// Directory of the login user's certificate.
    pub(super) client: &'static str,
    /// Directory of the data.
    data: String,
    /// The snapshot with which a new cluster begins.
    snapshot: String,
    /// Settings of etcdctl.
    environment: &'static str,
    /// Additional paths of Ubuntu Core.
    #[serde(flatten)]
    core: Option<CorePaths>,
}

/// etcd's certificates: their paths, modes and owners.
#[derive(Debug, Serialize)]
struct Certificates {
    /// Directory of certificates and keys.
    pki: String,
    ca_certificate: String,
    server_certificate: String,
    server_key: String,
    /// The same as for the server if there is one certificate for both directions.
    peer_certificate: String,
    peer_key: String,
    one_certificate: bool,
    pki_mode: &'static str,
    certificate_mode: &'static str,
    certificate_owner: &'static str,
    key_mode: &'static str,
    key_owner: &'static str,
}

impl Certificates {
    fn of(paths: &CertificatePaths) -> Self {
        Self {
            pki: paths.folder.clone(),
            ca_certificate: paths.ca.clone(),
            server_certificate: paths.server.certificate.clone(),
            server_key: paths.server.key.clone(),
            peer_certificate: paths.peer().certificate.clone(),
            peer_key: paths.peer().key.clone(),
            one_certificate: paths.peer.is_none(),
            pki_mode: paths.public.folder_mode,
            certificate_mode: paths.public.mode,
            certificate_owner: paths.public.owner,
            key_mode: paths.keys.mode,
            key_owner: paths.keys.owner,
        }
    }
}

/// The additional paths of Ubuntu Core.
#[derive(Debug, Serialize)]
struct CorePaths {
    /// Directory that contains all of the paths above and persists across reboots.
    node: &'static str,
    /// Directory of the files to install, in the file system that the build writes.
    payload: &'static str,
    /// The same directory as the node sees it.
    source: &'static str,
}

impl Paths {
    pub(super) fn of(system: &System, cluster: &Cluster, node: &str) -> Self {
        match (system.node_location().payload, system) {
            (None, _) => Self::root(cluster, node),
            (Some(payload), System::Seed(_)) => {
                Self::core(payload, "/run/mnt/ubuntu-seed/etcd-node")
            }
            (Some(payload), _) => Self::core(payload, NODE),
        }
    }

    /// Returns the directory of the data.
    pub(super) fn data(&self) -> &str {
        &self.data
    }

    /// The paths on a base whose root file system the build writes.
    fn root(cluster: &Cluster, node: &str) -> Self {
        Self {
            bin: "/usr/local/bin",
            lib: NODE_PROGRAMS,
            config: match cluster.etcd.config {
                ConfigForm::File => "/etc/etcd/etcd.conf.yml",
                ConfigForm::Environment => "/etc/default/etcd",
            },
            certificates: Certificates::of(&cluster.pki.layout.paths(node)),
            client: "/etc/etcd/client",
            data: cluster.etcd.data_dir.clone(),
            snapshot: format!("{NODE_PROGRAMS}/snapshot.db"),
            environment: "/etc/profile.d/etcdctl.sh",
            core: None,
        }
    }

    fn core(payload: &'static str, source: &'static str) -> Self {
        Self {
            bin: "/var/lib/misc/etcd-node/bin",
            lib: "/var/lib/misc/etcd-node/lib",
            config: "/var/lib/misc/etcd-node/etcd.conf.yml",
            certificates: Certificates::of(&CertificatePaths::separate(
                "/var/lib/misc/etcd-node/pki",
            )),
            client: "/var/lib/misc/etcd-node/client",
            data: "/var/lib/misc/etcd-node/data".to_owned(),
            snapshot: "/var/lib/misc/etcd-node/snapshot.db".to_owned(),
            environment: "/var/lib/misc/etcd-node/lib/etcdctl.sh",
            core: Some(CorePaths {
                node: NODE,
                payload,
                source,
            }),
        }
    }
}

const NODE: &str = "/var/lib/misc/etcd-node";
