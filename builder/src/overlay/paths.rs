//! Where a node keeps what is etcd's, and where what its first boot installs comes from.

use serde::Serialize;

use crate::inspect::System;

/// Absolute paths, by the names templates use.
#[derive(Debug, Serialize)]
pub(super) struct Paths {
    /// Folder of the programs.
    bin: &'static str,
    /// Folder of what starts etcd.
    lib: &'static str,
    /// The member's configuration.
    config: &'static str,
    /// Folder of certificates and keys.
    pki: &'static str,
    /// Folder of the data.
    data: &'static str,
    /// Settings of etcdctl.
    environment: &'static str,
    /// What the other bases do without.
    #[serde(flatten)]
    core: Option<Core>,
}

/// Ubuntu Core's.
#[derive(Debug, Serialize)]
struct Core {
    /// Folder of all the above, which Core keeps from boot to boot.
    node: &'static str,
    /// Folder of what is installed, in the file system that we write.
    payload: &'static str,
    /// The same folder, as the node sees it.
    source: &'static str,
}

impl Paths {
    pub(super) fn of(system: &System) -> Self {
        match system {
            System::Root(_) => Self::ROOT,
            System::Writable(_) => Self::core("/system-data/var/lib/misc/etcd-node", NODE),
            System::Seed(_) => Self::core("/etcd-node", "/run/mnt/ubuntu-seed/etcd-node"),
        }
    }

    /// In a root that is ours.
    const ROOT: Self = Self {
        bin: "/usr/local/bin",
        lib: "/usr/local/lib/etcd-node",
        config: "/etc/etcd/etcd.conf.yml",
        pki: "/etc/etcd/pki",
        data: "/var/lib/etcd",
        environment: "/etc/profile.d/etcdctl.sh",
        core: None,
    };

    const fn core(payload: &'static str, source: &'static str) -> Self {
        Self {
            bin: "/var/lib/misc/etcd-node/bin",
            lib: "/var/lib/misc/etcd-node/lib",
            config: "/var/lib/misc/etcd-node/etcd.conf.yml",
            pki: "/var/lib/misc/etcd-node/pki",
            data: "/var/lib/misc/etcd-node/data",
            environment: "/var/lib/misc/etcd-node/lib/etcdctl.sh",
            core: Some(Core {
                node: NODE,
                payload,
                source,
            }),
        }
    }
}

const NODE: &str = "/var/lib/misc/etcd-node";
