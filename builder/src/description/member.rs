//! The members of a cluster with their URLs.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::spec::{Advertise, Cluster, Node};

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberUrls {
    /// Member name.
    pub name: String,
    /// URL for clients.
    pub client_url: String,
    /// URL for other members.
    pub peer_url: String,
}

/// Returns the scheme of etcd's URLs.
pub(crate) fn scheme(cluster: &Cluster) -> &'static str {
    match cluster.etcd.insecure {
        true => "http",
        false => "https",
    }
}

/// Returns the host of a URL with this address.
pub(crate) fn host(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

impl MemberUrls {
    /// Returns the member that this node is, with the URLs that it advertises.
    pub(crate) fn of(cluster: &Cluster, node: &Node) -> Self {
        let host = match cluster.etcd.advertise {
            Advertise::Address => host(node.address),
            Advertise::Name => cluster.full_name(&node.name),
        };
        Self::at(&node.name, cluster, &host)
    }

    /// Returns the member that this node is, with the URLs by which machines outside the cluster reach it.
    pub(crate) fn by_address(cluster: &Cluster, node: &Node) -> Self {
        Self::at(&node.name, cluster, &host(node.address))
    }

    fn at(name: &str, cluster: &Cluster, host: &str) -> Self {
        let scheme = scheme(cluster);
        Self {
            name: name.to_owned(),
            client_url: format!("{scheme}://{host}:2379"),
            peer_url: format!("{scheme}://{host}:2380"),
        }
    }

    /// Returns where other machines read the metrics.
    pub(crate) fn metrics_url(&self) -> String {
        let host = self.client_url.trim_end_matches("2379");
        format!("{host}2381")
    }
}
