//! A kubeadm configuration that names external etcd endpoints.

use super::value::InventoryValue;
use super::{Host, Listing, Variable, yaml};

/// Reads the endpoints below `etcd.external` of the document that has them.
pub(super) fn read(text: &str) -> Result<Listing, String> {
    let mut listing = Listing::default();
    for document in documents(text) {
        let value = yaml::parse(document)?;
        let etcd = value.get("etcd");
        let Some(external) = etcd.and_then(|etcd| etcd.get("external")) else {
            continue;
        };
        let endpoints = external.get("endpoints").map(InventoryValue::items);
        let endpoints = endpoints.into_iter().flatten();
        for endpoint in endpoints.filter_map(InventoryValue::scalar) {
            listing
                .hosts
                .push(host_of_endpoint(endpoint, listing.hosts.len() + 1));
        }
        for key in ["caFile", "certFile", "keyFile"] {
            if let Some(path) = external.get(key).and_then(InventoryValue::scalar) {
                listing.variables.push(Variable::new(key, path));
            }
        }
    }
    match listing.hosts.is_empty() {
        true => Err(": it has no `endpoints` below `etcd: external:`".to_owned()),
        false => Ok(listing),
    }
}

/// Splits a file at the lines that separate YAML documents.
fn documents(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n---")
        .filter(|document| !document.trim().is_empty())
}

/// Returns the machine of a URL such as `https://172.16.5.173:2379`, whose host is an address or a name.
fn host_of_endpoint(endpoint: &str, number: usize) -> Host {
    let place = endpoint
        .split_once("://")
        .map_or(endpoint, |(_, place)| place);
    let place = place.split('/').next().unwrap_or(place);
    let host = match place
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((address, _)) => address,
        None => place.split(':').next().unwrap_or(place),
    };
    match host.parse::<std::net::IpAddr>() {
        Ok(_) => Host::new(&format!("etcd{number}"), &[("ansible_host", host)]),
        Err(_) => Host::new(host, &[]),
    }
}
