//! YAML files of clients that name etcd's endpoints: a kubeadm configuration with external etcd, or one of Patroni.

use super::value::InventoryValue;
use super::{Host, Listing, Variable, yaml};

/// Where the endpoints are in a kubeadm configuration.
pub(super) const OF_KUBEADM: &str = "`endpoints` below `etcd: external:`";
/// Where they are in a configuration of Patroni.
pub(super) const OF_PATRONI: &str = "`hosts` below `etcd3:`";

/// Reads the endpoints of every document that has them. `wanted` says where they should be.
pub(super) fn read(text: &str, wanted: &str) -> Result<Listing, String> {
    let mut listing = Listing::default();
    for document in documents(text) {
        let document = yaml::parse(document)?;
        // kubeadm keeps its configuration as text in a ConfigMap.
        let kept = document
            .get("data")
            .and_then(|data| data.get("ClusterConfiguration"));
        let kept = kept
            .and_then(InventoryValue::scalar)
            .map(yaml::parse)
            .transpose()?;
        let value = kept.as_ref().unwrap_or(&document);
        let Some(etcd) = value.get("etcd3").or_else(|| value.get("etcd")) else {
            continue;
        };
        // The first versions of kubeadm had no table `external`.
        let external = etcd.get("external").unwrap_or(etcd);
        let mut keys = ["endpoints", "hosts", "host"].iter();
        let endpoints = keys.find_map(|key| external.get(key));
        for endpoint in endpoints.map(texts).unwrap_or_default() {
            let number = listing.hosts.len() + 1;
            listing.hosts.push(host_of_endpoint(endpoint, number));
        }
        for key in ["caFile", "certFile", "keyFile"] {
            if let Some(path) = external.get(key).and_then(InventoryValue::scalar) {
                listing.variables.push(Variable::new(key, path));
            }
        }
    }
    match listing.hosts.is_empty() {
        true => Err(format!(": it has no {wanted}")),
        false => Ok(listing),
    }
}

/// Returns the texts of a list, also of one in a single text.
fn texts(value: &InventoryValue) -> Vec<&str> {
    match value.scalar() {
        Some(text) => text
            .split([',', ' '])
            .filter(|part| !part.is_empty())
            .collect(),
        None => value
            .items()
            .iter()
            .filter_map(InventoryValue::scalar)
            .collect(),
    }
}

/// Splits a file at the lines that separate YAML documents.
fn documents(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n---")
        .filter(|document| !document.trim().is_empty())
}

/// Returns the machine of a URL such as `https://172.16.5.173:2379`, whose host is an address or a name.
fn host_of_endpoint(endpoint: &str, number: usize) -> Host {
    let host = host_of_url(endpoint);
    match host.parse::<std::net::IpAddr>() {
        Ok(_) => Host::new(&format!("etcd{number}"), &[("ansible_host", host)]),
        Err(_) => Host::new(host, &[]),
    }
}

/// Returns the host of a URL, or of what follows its scheme.
pub(super) fn host_of_url(url: &str) -> &str {
    let place = url.split_once("://").map_or(url, |(_, place)| place);
    let place = place.split('/').next().unwrap_or(place);
    match place
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((address, _)) => address,
        None => place.split(':').next().unwrap_or(place),
    }
}
