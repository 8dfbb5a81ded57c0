//! Subject alternative names: those of a node, and the list of the members.

use std::net::IpAddr;

use rcgen::SanType;

use crate::spec::{Cluster, Node};

/// Returns the names of a node in the order of the certificate, without repeating an extra one that is already listed.
pub(super) fn alternative_names(cluster: &Cluster, node: &Node) -> Vec<String> {
    let own = [
        node.name.clone(),
        cluster.full_name(&node.name),
        "localhost".to_owned(),
        node.address.to_string(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    let plain = |name: &String| {
        name.parse::<IpAddr>()
            .map_or_else(|_| name.clone(), |ip| ip.to_string())
    };
    let previous = node.previous_address.map(|net| net.addr().to_string());
    let further = cluster.further_addresses(node).into_iter().flatten();
    let further = further.map(|net| net.addr().to_string());
    let mut names: Vec<String> = Vec::new();
    for name in own
        .into_iter()
        .chain(previous)
        .chain(further)
        .chain(cluster.pki.extra_sans.iter().map(plain))
    {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Returns a URI with the names of all members, from which a node outside the cluster learns whether the members' images list
/// it (`overlays/etcd/cluster`).
pub(super) fn members(cluster: &Cluster) -> String {
    let names: Vec<&str> = cluster
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    format!("{MEMBERS}{}", names.join("+"))
}

/// Encodes a name, an address or the list of members.
pub(super) fn san(name: &str) -> Result<SanType, rcgen::Error> {
    match name.parse::<IpAddr>() {
        Ok(address) => Ok(SanType::IpAddress(address)),
        Err(_) if name.starts_with(MEMBERS) => Ok(SanType::URI(name.try_into()?)),
        Err(_) => Ok(SanType::DnsName(name.try_into()?)),
    }
}

/// The beginning of the URI with the names of all members.
pub(super) const MEMBERS: &str = "urn:etcd-image:members:";
