//! `[[node]]` and `--nodes`: the members of the cluster.

use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use super::cluster::{Advertise, Node};
use super::complaints::{Complaints, Place, Placed};
use super::input::{Input, Purpose};
use super::machine::Board;
use super::named::Named as _;
use super::network;
use super::subnet;
use super::table::Table;
use crate::count::count as counted;

/// A node as written. An invalid address is absent and has already caused a complaint.
pub(super) struct NodeSettings {
    pub(super) name: Placed<String>,
    pub(super) address: Option<Placed<IpAddr>>,
    previous_address: Option<Placed<IpNet>>,
    board: Option<Board>,
    replaces: Option<Placed<String>>,
}

impl NodeSettings {
    /// Returns the node if it has an address.
    pub(super) fn into_node(self) -> Option<Node> {
        let address = self.address?.value;
        Some(Node {
            name: self.name.value,
            address,
            previous_address: self.previous_address.map(|previous| previous.value),
            board: self.board,
            replaces: self.replaces.map(|name| name.value),
        })
    }
}

/// The largest number of members. More are certainly a mistake: etcd recommends at most seven.
pub(super) const MOST_NODES: u32 = 99;

/// Returns the members from the file, or as many as `--nodes` requests.
pub(super) fn read(
    tables: Vec<&Table>,
    input: &Input,
    network: &network::NetworkSettings,
    log: &mut Complaints,
) -> Vec<NodeSettings> {
    let count = u32::try_from(tables.len()).unwrap_or(u32::MAX);
    match (input.flags.nodes, count) {
        (Some(asked), _) if !(1..=MOST_NODES).contains(&asked) => {
            log.add(
                Place::Option("--nodes"),
                format!("give a number from 1 to {MOST_NODES}"),
            );
            Vec::new()
        }
        (Some(asked), 0) => numbered(asked, network),
        (None, 0) if input.purpose == Purpose::Downloads => Vec::new(),
        (None, 0) => {
            match &input.config {
                Some(file) => log.add_lack(
                    &format!("{} describes no node", file.path.display()),
                    "add a [[node]] table for each, or give `--nodes 3`",
                ),
                None => log.add_lack(
                    "there is no cluster.toml here",
                    "give `--nodes 3`, or write one with `etcd-image init`",
                ),
            }
            Vec::new()
        }
        (asked, _) => {
            if asked.is_some_and(|asked| asked != count) {
                let message = format!(
                    "asks for {}, but the file describes {described}",
                    counted(asked.unwrap_or(0) as usize, "node"),
                    described = count
                );
                log.add(Place::Option("--nodes"), message);
            }
            if let Some(table) = tables.get(MOST_NODES as usize) {
                log.add(
                    table.place,
                    format!("there are {count} nodes; at most {MOST_NODES} are allowed"),
                );
            }
            let described = |table| described(table, network);
            let nodes: Vec<_> = tables.into_iter().filter_map(described).collect();
            check_unique(&nodes, log);
            check_previous(&nodes, network, log);
            check_replaced(&nodes, log);
            nodes
        }
    }
}

/// Returns nodes `etcd1`, `etcd2` … from offset 50 in the gateway's network (hexadecimal 50 for IPv6).
fn numbered(count: u32, network: &network::NetworkSettings) -> Vec<NodeSettings> {
    let anchor = network.anchor;
    let network = subnet::around(anchor, network.prefix_for(anchor));
    let start = if anchor.is_ipv4() { 50 } else { 0x50 };
    let place = Place::Option("--nodes");
    (0..count)
        .map(|index| NodeSettings {
            name: Placed::new(place, format!("etcd{}", index + 1)),
            address: Some(Placed::new(place, subnet::nth(network, start + index))),
            previous_address: None,
            board: None,
            replaces: None,
        })
        .collect()
}

fn described(table: &Table, network: &network::NetworkSettings) -> Option<NodeSettings> {
    let name = table.optional("name")?;
    let address = table.optional("address");
    let address = address.and_then(|text| Some(text.with(subnet::address(text.value).ok()?)));
    let previous = table.optional("previous-address");
    let board = table.optional("board");
    let replaces = table.optional("replaces");
    Some(NodeSettings {
        name: name.with(name.value.to_owned()),
        address,
        previous_address: previous.and_then(|text| {
            let (host, prefix) = subnet::with_prefix(text.value).ok()?;
            let address = address?.value;
            let prefix = prefix.unwrap_or_else(|| previous_prefix(host, address, network));
            Some(text.with(IpNet::new(host, prefix).ok()?))
        }),
        board: board.and_then(|name| Board::named(name.value)),
        replaces: replaces.map(|old| old.with(old.value.to_owned())),
    })
}

/// Returns the prefix length of a previous address that is written without one.
fn previous_prefix(previous: IpAddr, address: IpAddr, network: &network::NetworkSettings) -> u8 {
    match previous {
        _ if previous.is_ipv4() == address.is_ipv4() => network.prefix_for(address),
        IpAddr::V4(_) => 24,
        IpAddr::V6(_) => 64,
    }
}

/// Checks that the previous addresses are ordinary ones, and that nobody else uses them in the new network.
fn check_previous(
    nodes: &[NodeSettings],
    network: &network::NetworkSettings,
    log: &mut Complaints,
) {
    let mut known = HashMap::new();
    let written = || nodes.iter().filter_map(|node| node.previous_address);
    for previous in written() {
        let host = previous.value.addr();
        let gateway = network.gateway_address();
        log.check(
            previous.place,
            subnet::host_fits(previous.value.trunc(), host, gateway),
        );
        let mut addresses = nodes.iter().filter_map(|node| node.address);
        let taken = addresses.find(|address| address.value == host);
        if let Some(taken) = taken {
            let message = format!(
                "previous address {host} is an address of a node, {}",
                line(taken.place)
            );
            log.add(previous.place, message);
        }
        if let Some(first) = known.insert(host, previous.place) {
            let message = format!(
                "two nodes have the previous address {host}, {}",
                line(first)
            );
            log.add(previous.place, message);
        }
    }
}

fn check_unique(nodes: &[NodeSettings], log: &mut Complaints) {
    let mut names = HashMap::new();
    let mut addresses = HashMap::new();
    for node in nodes {
        if let Some(first) = names.insert(&node.name.value, node.name.place) {
            let message = format!(
                "another node is called {}, {}",
                node.name.value,
                line(first)
            );
            log.add(node.name.place, message);
        }
        let Some(address) = node.address else {
            continue;
        };
        if let Some(first) = addresses.insert(address.value, address.place) {
            let message = format!(
                "another node has address {}, {}",
                address.value,
                line(first)
            );
            log.add(address.place, message);
        }
    }
}

/// Checks that nodes with URLs by name do not move: while some nodes have moved, names would lead to both places.
pub(super) fn check_advertised(nodes: &[NodeSettings], advertise: Advertise, log: &mut Complaints) {
    if advertise == Advertise::Address {
        return;
    }
    for previous in nodes.iter().filter_map(|node| node.previous_address) {
        let message = "`previous-address` has no effect with `advertise = \"name\"` in [etcd], whose URLs stay the same; remove it";
        log.add(previous.place, message);
    }
}

/// Checks that a replaced member is not a node, and that only one node replaces it.
fn check_replaced(nodes: &[NodeSettings], log: &mut Complaints) {
    let mut gone = HashMap::new();
    for old in nodes.iter().filter_map(|node| node.replaces.as_ref()) {
        if let Some(node) = nodes.iter().find(|node| node.name.value == old.value) {
            let message = format!(
                "{} cannot be replaced: it is a node, {}",
                old.value,
                line(node.name.place)
            );
            log.add(old.place, message);
        }
        if let Some(first) = gone.insert(&old.value, old.place) {
            log.add(
                old.place,
                format!("{} is replaced already, {}", old.value, line(first)),
            );
        }
    }
}

fn line(place: Place) -> String {
    match place {
        Place::Line(line) => format!("in line {line}"),
        Place::Row => "in the same row".to_owned(),
        Place::Option(name) | Place::Default(name, _) => format!("from {name}"),
    }
}

/// Returns a warning about a valid but questionable number of members, if any.
pub(super) fn warnings(count: usize) -> Option<String> {
    let tolerated = count.saturating_sub(1) / 2;
    if count > 7 {
        Some(format!(
            "{count} members: every write waits for a majority of them; etcd advises at most 7"
        ))
    } else if count > 0 && count.is_multiple_of(2) {
        let odd = count - 1;
        Some(format!(
            "{count} members tolerate the loss of {tolerated}, as {odd} would; choose an odd number"
        ))
    } else {
        None
    }
}
