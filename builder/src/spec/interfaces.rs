//! `[[network.other]]`: wired networks of the nodes beside that of etcd.

use std::net::IpAddr;

use ipnet::IpNet;

use super::cluster::{Interface, Network, Route};
use super::complaints::{Complaints, Placed};
use super::input::Input;
use super::table::Table;
use super::{routes, subnet};

/// The longest name of an interface.
const LONGEST: usize = 15;

/// Checks an address with its prefix length.
pub(super) fn address(text: &str) -> Result<(), String> {
    match subnet::with_prefix(text)? {
        (_, Some(_)) => Ok(()),
        (host, None) => Err(format!(
            "`{text}` needs its prefix length, as in \"{host}/24\""
        )),
    }
}

/// Reads the tables, and checks them against the network of etcd and the number of nodes.
pub(super) fn read(
    tables: &[&Table],
    (network, nodes): (&Network, &[Placed<IpAddr>]),
    input: &Input,
    log: &mut Complaints,
) -> Vec<Interface> {
    let mut found: Vec<Interface> = Vec::new();
    for table in tables {
        let Some(name) = table.optional("name") else {
            continue;
        };
        let interface = Interface {
            name: name.value.to_owned(),
            vlan: table.optional_integer("vlan").map(|number| number.value),
            addresses: addresses(table, (network, nodes), input, log),
            default_route: table.switch("default-route"),
            routes: Vec::new(),
            mtu: table.optional_integer("mtu").map(|mtu| mtu.value),
        };
        check_name(&interface, name, (network, &found), log);
        check_default_route(table, network, log);
        let interface = Interface {
            routes: own_routes(table, &interface, log),
            ..interface
        };
        refuse_detours(table, &interface.routes, (network, nodes), log);
        found.push(interface);
    }
    found
}

/// Complains about a route that would take the traffic of the members away from etcd's network.
fn refuse_detours(
    table: &Table,
    routes: &[Route],
    (network, nodes): (&Network, &[Placed<IpAddr>]),
    log: &mut Complaints,
) {
    for route in routes {
        let is_close = route.to.prefix_len() >= network.prefix;
        let mut members = nodes.iter().map(|node| node.value);
        if let Some(host) = members.find(|host| is_close && route.to.contains(host)) {
            let Route { to, via } = route;
            let message = format!(
                "route {to} would lead to {host}, which is in etcd's network, through {via}"
            );
            log.add(table.place_of("routes"), message);
        }
    }
}

fn check_name(
    interface: &Interface,
    name: Placed<&str>,
    (network, others): (&Network, &[Interface]),
    log: &mut Complaints,
) {
    let device = interface.device();
    let wrong = if name.value.starts_with("wl") {
        "is wireless; only wired interfaces can be further ones".to_owned()
    } else if device.len() > LONGEST {
        format!("is longer than {LONGEST} characters, the most that Linux allows")
    } else if network.interface.as_ref() == Some(&device) {
        "is the interface of etcd's network; set `interface` in [network], or use a `vlan`"
            .to_owned()
    } else if others.iter().any(|other| other.device() == device) {
        "is configured twice".to_owned()
    } else if network.interface.is_none() {
        let message =
            "`[[network.other]]` needs `interface` in [network], which distinguishes the two";
        return log.add(name.place, message);
    } else {
        return;
    };
    log.add(name.place, format!("`{device}` {wrong}"));
}

fn check_default_route(table: &Table, network: &Network, log: &mut Complaints) {
    if !table.switch("default-route") {
        return;
    }
    let wrong = if !table.switch("dhcp") {
        "`default-route` comes from the DHCP server; it needs `dhcp = true`"
    } else if network.gateway.is_some() || network.dhcp {
        "etcd's network has the default route already; set `gateway = \"none\"` in [network]"
    } else {
        return;
    };
    log.add(table.place_of("default-route"), wrong);
}

/// Returns the addresses of the nodes, one for each in one network that is not etcd's.
fn addresses(
    table: &Table,
    (network, nodes): (&Network, &[Placed<IpAddr>]),
    input: &Input,
    log: &mut Complaints,
) -> Vec<IpNet> {
    let parse = |text: Placed<&str>| {
        let (host, length) = subnet::with_prefix(text.value).ok()?;
        Some(text.with(IpNet::new(host, length?).ok()?))
    };
    let texts = table.texts("addresses");
    let written: Vec<_> = texts.iter().copied().filter_map(parse).collect();
    let place = table.place_of("addresses");
    match (table.switch("dhcp"), texts.len()) {
        (true, 0) => return Vec::new(),
        (true, _) => log.add(place, "give `addresses` or `dhcp = true`, not both"),
        (false, 0) => log.add(place, "give the nodes' `addresses`, or `dhcp = true`"),
        (false, _) if input.row.is_some() => {
            let message = "all clusters of a fleet would have these addresses; only `dhcp = true` works in a fleet";
            log.add(place, message);
        }
        (false, count) if count != nodes.len() && !nodes.is_empty() => {
            let message = format!(
                "`addresses` must have one address for each of the {} nodes, not {count}",
                nodes.len()
            );
            log.add(place, message);
        }
        (false, _) => {}
    }
    let etcd = nodes
        .first()
        .map(|node| subnet::around(node.value, network.prefix));
    for (at, address) in written.iter().enumerate() {
        let net = written
            .first()
            .map_or(address.value, |first| first.value)
            .trunc();
        let overlaps = |etcd: IpNet| etcd.contains(&net) || net.contains(&etcd);
        if address.value.trunc() != net {
            let message = format!(
                "{} is not in the network {net} of the first node",
                address.value
            );
            log.add(address.place, message);
        } else if at == 0 && etcd.is_some_and(overlaps) {
            log.add(address.place, format!("{net} overlaps etcd's network"));
        } else if written
            .iter()
            .take(at)
            .any(|other| other.value == address.value)
        {
            log.add(
                address.place,
                format!("two nodes have {}", address.value.addr()),
            );
        } else {
            let fits = subnet::host_fits(net, address.value.addr(), None);
            log.check(address.place, fits);
        }
    }
    written.into_iter().map(|address| address.value).collect()
}

/// Returns the routes, whose routers must be in the network of the interface.
fn own_routes(table: &Table, interface: &Interface, log: &mut Complaints) -> Vec<Route> {
    let texts = table.texts("routes").into_iter();
    let written: Vec<_> = texts
        .filter_map(|text| Some(text.with(routes::parse(text.value).ok()?)))
        .collect();
    let nodes: Vec<_> = (interface.addresses.iter())
        .map(|net| Placed::new(table.place, net.addr()))
        .collect();
    match (interface.addresses.first(), written.first()) {
        (Some(first), _) => routes::settle(&written, first.trunc(), (&nodes, None), log),
        (None, Some(route)) if table.switch("dhcp") => {
            let message =
                "`routes` needs `addresses`, which show whether the router is in the network";
            log.add(route.place, message);
            Vec::new()
        }
        (None, _) => Vec::new(),
    }
}
