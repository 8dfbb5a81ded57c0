//! The paths of etcd's files on a node, and of the files that its first boot installs.

use serde::Serialize;

use crate::inspect::System;

/// Absolute paths by the names that templates use.
#[derive(Debug, Serialize)]
pub(super) struct Paths {
    /// Directory of the programs.
    bin: &'static str,
    /// Directory of the programs that start etcd.
    lib: &'static str,
    /// The member's configuration.
    config: &'static str,
    /// Directory of certificates and keys.
    pki: &'static str,
    /// Directory of the data.
    data: &'static str,
    /// Settings of etcdctl.
    environment: &'static str,
    /// Additional paths of Ubuntu Core.
    #[serde(flatten)]
    core: Option<Core>,
}

/// The additional paths of Ubuntu Core.
#[derive(Debug, Serialize)]
struct Core {
    /// Directory that contains all of the paths above and persists across reboots.
    node: &'static str,
    /// Directory of the files to install, in the file system that the build writes.
    payload: &'static str,
    /// The same directory as the node sees it.
    source: &'static str,
}

impl Paths {
    pub(super) fn of(system: &System) -> Self {
        match (system.home().payload, system) {
            (None, _) => Self::ROOT,
            (Some(payload), System::Seed(_)) => {
                Self::core(payload, "/run/mnt/ubuntu-seed/etcd-node")
            }
            (Some(payload), _) => Self::core(payload, NODE),
        }
    }

    /// The paths on a base whose root file system the build writes.
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
