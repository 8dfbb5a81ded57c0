//! The text of a cluster.toml.

use std::net::IpAddr;

use toml::Value;

use super::Listing;
use super::settings::{self, InventoryNode, Settings};
use crate::printable::printable;

const BEFORE_NODES: &[&str] = &["[cluster]", "[network]"];
const AFTER_NODES: &[&str] = &["[etcd]", "[ssh]", "[pki]"];

/// Returns the text for a listing that was read from the file `source`.
pub(super) fn cluster_toml(source: &str, listing: &Listing) -> String {
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
        let note = match guessed {
            Gateway::Guessed => "check it and the prefix length",
            Gateway::Missing => "add `gateway` to [network]",
            Gateway::Known => "",
        };
        let is_noted = *header == "[network]" && !note.is_empty();
        if is_noted {
            lines.push(String::new());
            lines.push(format!("# {source} does not name the gateway: {note}."));
        }
        table(&mut lines, &settings, header, !is_noted);
    }
    for node in &settings.nodes {
        lines.extend(node_table(&source, node));
    }
    for header in AFTER_NODES {
        table(&mut lines, &settings, header, true);
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
    lines.join("\n") + "\n"
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

/// Adds the usual gateway and prefix length of the first node's subnet, unless the file names a gateway or a node has that
/// address. An IPv6 gateway has no usual address.
fn guess_network(settings: &mut Settings) -> Gateway {
    let first = settings.nodes.iter().find_map(|node| node.address);
    let (Some(IpAddr::V4(address)), false) = (first, settings.has("gateway")) else {
        return Gateway::Known;
    };
    let [a, b, c, _] = address.octets();
    let usual = IpAddr::from([a, b, c, 1]);
    if settings
        .nodes
        .iter()
        .any(|node| node.address == Some(usual))
    {
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

fn table(lines: &mut Vec<String>, settings: &Settings, header: &str, apart: bool) {
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
    lines.push(match node.address {
        Some(address) => format!("address = \"{address}\""),
        None => format!("# {source} has no address for this machine: add `address = \"…\"`."),
    });
    lines
}
