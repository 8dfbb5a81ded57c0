//! The text of a cluster.toml.

use std::net::IpAddr;

use toml::Value;

use super::settings::{self, InventoryAddress, InventoryNode, Settings};
use super::{Converted, Listing};
use crate::count::count;
use crate::printable::printable;

const BEFORE_NODES: &[&str] = &["[cluster]", "[network]"];
const AFTER_NODES: &[&str] = &["[etcd]", "[ssh]", "[system]", "[pki]"];

/// Returns the text for a listing that was read from the file `source`.
pub(super) fn cluster_toml(source: &str, listing: &Listing) -> Converted {
    let mut settings = settings::of(listing);
    let guessed = guess_network(&mut settings);
    let source = printable(source);
    let mut lines = vec![
        "#:schema ./cluster.schema.json".to_owned(),
        format!(
            "# An etcd cluster for etcd-image, from {source}. `etcd-image plan` checks this file, and"
        ),
        "# `etcd-image init --config all.toml` writes one with every setting explained.".to_owned(),
    ];
    for header in BEFORE_NODES {
        let note = guessed.note().filter(|_| *header == "[network]");
        if let Some(note) = note {
            lines.push(String::new());
            lines.push(format!("# {source} {note}."));
        }
        add_table(&mut lines, &settings, header, note.is_none());
    }
    for node in &settings.nodes {
        lines.extend(node_table(&source, node));
    }
    for header in AFTER_NODES {
        add_table(&mut lines, &settings, header, true);
    }
    if !settings.left.is_empty() {
        lines.push(String::new());
        lines.push(format!("# Not taken over from {source}:"));
        lines.extend(
            settings
                .left
                .iter()
                .map(|left| format!("# - {}", printable(left))),
        );
    }
    Converted {
        text: lines.join("\n") + "\n",
        gaps: gaps(&source, (&settings, listing), guessed),
    }
}

/// Returns a sentence about each thing that the user has to add or to check.
fn gaps(source: &str, (settings, listing): (&Settings, &Listing), gateway: Gateway) -> Vec<String> {
    let others = listing.gaps.iter().map(|gap| format!("{source} {gap}"));
    let mut nodes = settings.nodes.iter().filter(|node| node.ip().is_none());
    let addresses = nodes.next().map(|first| {
        let name = printable(&first.name);
        match nodes.count() {
            0 => format!("{source} has no valid address of {name}: add it"),
            more => format!(
                "{source} has no valid address of {name} and {}: add them",
                count(more, "other machine")
            ),
        }
    });
    let gateway = gateway.note().map(|note| format!("{source} {note}"));
    others.chain(addresses).chain(gateway).collect()
}

/// What is known about the gateway.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Gateway {
    Known,
    /// The usual one, which somebody has to check.
    Guessed,
    /// None, and nothing to guess from.
    Missing,
}

impl Gateway {
    /// Returns what the user has to do, after the name of the file.
    fn note(self) -> Option<&'static str> {
        match self {
            Self::Known => None,
            Self::Guessed => Some("does not name the gateway: check it and the prefix length"),
            Self::Missing => Some("does not name the gateway: add `gateway` to [network]"),
        }
    }
}

/// Adds the usual gateway and prefix length of the first node's subnet, unless the file names a gateway or a node has that
/// address. An IPv6 gateway has no usual address.
fn guess_network(settings: &mut Settings) -> Gateway {
    let first = settings.nodes.iter().find_map(InventoryNode::ip);
    let (Some(IpAddr::V4(address)), false) = (first, settings.has("gateway")) else {
        return Gateway::Known;
    };
    let [a, b, c, _] = address.octets();
    let usual = IpAddr::from([a, b, c, 1]);
    if settings.nodes.iter().any(|node| node.ip() == Some(usual)) {
        return Gateway::Missing;
    }
    if !settings.has("prefix") {
        settings
            .values
            .push(("[network]", "prefix", Value::Integer(24)));
    }
    let gateway = Value::String(usual.to_string());
    settings.values.push(("[network]", "gateway", gateway));
    Gateway::Guessed
}

fn add_table(lines: &mut Vec<String>, settings: &Settings, header: &str, apart: bool) {
    let mut values = settings
        .values
        .iter()
        .filter(|(table, ..)| *table == header)
        .peekable();
    if values.peek().is_none() {
        return;
    }
    if apart {
        lines.push(String::new());
    }
    lines.push(header.to_owned());
    lines.extend(values.map(|(_, key, value)| format!("{key} = {value}")));
}

fn node_table(source: &str, node: &InventoryNode) -> Vec<String> {
    let name = Value::String(node.name.clone());
    let mut lines = vec![
        String::new(),
        "[[node]]".to_owned(),
        format!("name = {name}"),
    ];
    lines.push(match &node.address {
        InventoryAddress::Valid(address) => format!("address = \"{address}\""),
        InventoryAddress::Invalid(text) => format!(
            "# `{}` is not an IP address: correct it, as in `address = \"…\"`.",
            printable(text)
        ),
        InventoryAddress::Missing => {
            format!("# {source} has no address for this machine: add `address = \"…\"`.")
        }
    });
    lines
}
