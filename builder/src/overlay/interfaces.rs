//! The values of further networks for templates.

use std::collections::BTreeSet;

use ipnet::IpNet;
use serde_json::{Value, json};

use crate::spec::{Cluster, Interface, Network, Node, Route};

/// The number of the first further network among the profiles of a node, above those of wireless networks.
const FIRST: u32 = 1000;

/// Returns the further networks of a node. `uuid` derives the identifier of a numbered profile.
pub(super) fn further(cluster: &Cluster, node: &Node, uuid: impl Fn(u32) -> String) -> Vec<Value> {
    let interfaces = &cluster.network.interfaces;
    let addresses = cluster.further_addresses(node);
    let all = (FIRST..).zip(interfaces.iter().zip(addresses));
    all.map(|(number, (interface, address))| {
        json!({
            "device": interface.device(),
            "parent": interface.name,
            "vlan": interface.vlan,
            "uuid": uuid(number),
            "address": address.map(|address| address.to_string()),
            "ipv6": address.is_some_and(|address| address.addr().is_ipv6()),
            "default_route": interface.default_route,
            "routes": interface.routes.iter().map(route).collect::<Vec<_>>(),
            "mtu": interface.mtu,
            // The definition for netplan, as JSON, which is valid YAML.
            "netplan": netplan(interface, address, &cluster.network).to_string(),
        })
    })
    .collect()
}

fn netplan(interface: &Interface, address: Option<IpNet>, network: &Network) -> Value {
    // A node starts without a further network; etcd needs its own one only.
    let mut made = json!({ "optional": true, "dhcp6": false, "accept-ra": false });
    match interface.vlan {
        Some(number) => {
            made["id"] = number.into();
            // etcd's interface has another name in netplan.
            made["link"] = match interface.name == network.interface_name() {
                true => "etcd-node".into(),
                false => interface.name.as_str().into(),
            };
        }
        None => made["match"] = json!({ "name": interface.name }),
    }
    if let Some(address) = address {
        made["addresses"] = json!([address.to_string()]);
    } else {
        made["dhcp4"] = true.into();
        made["dhcp-identifier"] = "mac".into();
        made["dhcp4-overrides"] = json!({
            "use-routes": interface.default_route,
            "use-dns": interface.default_route,
        });
    }
    if !interface.routes.is_empty() {
        made["routes"] = interface.routes.iter().map(route).collect();
    }
    if let Some(mtu) = interface.mtu {
        made["mtu"] = mtu.into();
    }
    made
}

/// Returns a route for templates and for netplan.
pub(super) fn route(route: &Route) -> Value {
    json!({ "to": route.to.to_string(), "via": route.via })
}

/// Returns the physical interfaces that carry VLANs and have no address themselves.
pub(super) fn carriers(network: &Network) -> BTreeSet<&str> {
    let interfaces = network.interfaces.iter();
    let all = interfaces
        .filter(|it| it.vlan.is_some())
        .map(|it| it.name.as_str());
    let has_own = |name: &&str| {
        let mut interfaces = network.interfaces.iter();
        *name == network.interface_name()
            || interfaces.any(|it| it.vlan.is_none() && it.name == *name)
    };
    all.filter(|name| !has_own(name)).collect()
}
