//! What two clusters of a fleet must not have in common.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::spec::Cluster;

/// The names, addresses and secrets of the clusters so far, each with its first owner.
#[derive(Default)]
pub(super) struct Collisions {
    clusters: BTreeMap<String, String>,
    nodes: BTreeMap<String, String>,
    addresses: BTreeMap<IpAddr, String>,
    gateways: BTreeMap<IpAddr, String>,
    tokens: BTreeMap<String, String>,
    authorities: BTreeMap<Vec<u8>, String>,
}

impl Collisions {
    /// Adds a cluster and returns the complaints about what it has in common with earlier ones.
    pub(super) fn add(&mut self, cluster: &Cluster, place: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let owner = format!("cluster {} ({place})", cluster.name);
        let mut complain = |what: String, first: &String| {
            wrong.push(format!("{place}: {what}, like {first}"));
        };
        if let Some(first) = self.clusters.insert(cluster.name.clone(), place.to_owned()) {
            complain(format!("the name is {}", cluster.name), &first);
        }
        for node in &cluster.nodes {
            let full = cluster.full_name(&node.name);
            if let Some(first) = taken(&mut self.nodes, full.clone(), &owner) {
                complain(format!("it has a node {full}"), &first);
            }
            let previous = node.previous_address.map(|previous| previous.addr());
            for address in previous.into_iter().chain([node.address]) {
                if let Some(first) = taken(&mut self.addresses, address, &owner) {
                    complain(format!("it uses the address {address}"), &first);
                }
            }
        }
        wrong.extend(self.gateway(cluster, &owner, place));
        let mut complain = |what: &str, first: &String| {
            wrong.push(format!("{place}: {what}, like {first}"));
        };
        if let Some(token) = &cluster.token
            && let Some(first) = taken(&mut self.tokens, token.clone(), &owner)
        {
            complain("it has the `token`", &first);
        }
        if let Some(own) = &cluster.pki.own_ca
            && let Some(first) = taken(&mut self.authorities, own.certificate.clone(), &owner)
        {
            complain(
                "it has the `ca-certificate`, whose members would trust each other",
                &first,
            );
        }
        wrong
    }

    /// Compares gateways with the addresses of nodes of other clusters, in both directions.
    fn gateway(&mut self, cluster: &Cluster, owner: &str, place: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        for node in &cluster.nodes {
            if let Some(other) = self.gateways.get(&node.address) {
                let address = node.address;
                wrong.push(format!(
                    "{place}: it uses the address {address}, the gateway of {other}"
                ));
            }
        }
        if let Some(gateway) = cluster.network.gateway {
            if let Some(other) = self.addresses.get(&gateway).filter(|other| *other != owner) {
                wrong.push(format!(
                    "{place}: its gateway {gateway} is the address of a node of {other}"
                ));
            }
            self.gateways
                .entry(gateway)
                .or_insert_with(|| owner.to_owned());
        }
        wrong
    }
}

/// Returns the first owner of a key, or makes this one its owner.
fn taken<K: Ord>(known: &mut BTreeMap<K, String>, key: K, owner: &str) -> Option<String> {
    if let Some(first) = known.get(&key) {
        return Some(first.clone());
    }
    known.insert(key, owner.to_owned());
    None
}
