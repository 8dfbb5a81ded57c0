//! Where a node keeps what is etcd's.

use serde::Serialize;

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
}

impl Paths {
    /// In a root that is ours.
    pub(super) const ROOT: Self = Self {
        bin: "/usr/local/bin",
        lib: "/usr/local/lib/etcd-node",
        config: "/etc/etcd/etcd.conf.yml",
        pki: "/etc/etcd/pki",
        data: "/var/lib/etcd",
        environment: "/etc/profile.d/etcdctl.sh",
    };
}
