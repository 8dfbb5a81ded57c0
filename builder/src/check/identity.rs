//! What must be this node's own: its ids, its data, and the place on the card where the data will lie.

use anyhow::Result;

use super::system::NodeSystem;
use crate::inspect::NODE_PROGRAMS;
use crate::spec::{DATA_PARTITION, DEFAULT_DATA_DIR, rules};

/// The program that mounts the data partition (`overlays/appliance/data`).
const DATA_PROGRAM: &str = "data";
/// The shell file that [`DATA_PROGRAM`] sources.
const DATA_SETTINGS: &str = "other_data";

/// Files that make nodes alike or that belong to another one.
const FOREIGN: [&str; 2] = [
    "/var/lib/etcd/default/member",
    "/var/lib/systemd/random-seed",
];

pub(super) fn check(system: &mut NodeSystem<'_>) -> Result<()> {
    let node = system.node;
    let ids = [
        ("/etc/hostname", Some(node.node.as_str())),
        ("/etc/machine-id", node.machine_id.as_deref()),
    ];
    system.expect(
        rules::is_host_name(&node.node),
        format!("no node can be called `{}`", node.node),
    );
    for (path, id) in ids {
        let found = system.root.text(path)?.unwrap_or_default();
        let is_own = id.is_none_or(|id| found.trim() == id);
        system.expect(is_own, format!("{path} is not that of node {}", node.node));
    }
    let data = node.data_dir.as_deref().unwrap_or(DEFAULT_DATA_DIR);
    let member = format!("{data}/member");
    for path in FOREIGN.into_iter().chain([member.as_str()]) {
        let is_there = system.root.exists(path)?;
        system.expect(!is_there, format!("{path} is another machine's"));
    }
    check_data(system)
}

/// Checks that the data of a node that keeps it on the card has a free table entry and a free place.
fn check_data(system: &mut NodeSystem<'_>) -> Result<()> {
    let layout = system.layout;
    let mut program = String::new();
    for name in [DATA_PROGRAM, DATA_SETTINGS] {
        let text = system.root.text(&format!("{NODE_PROGRAMS}/{name}"))?;
        program.push_str(&text.unwrap_or_default());
    }
    let value = |name: &str| {
        let mut lines = program.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.split_whitespace().next()?.trim_matches(['"', '\'']))
    };
    if value("PLACE") != Some("card") {
        return Ok(());
    }
    let start = value("START").and_then(|it| it.parse::<u64>().ok());
    let start = start.map(|start| start.saturating_mul(512));
    // On a card that was booted, the partition in the place of the data is the node's own.
    let mut others = layout.others.iter();
    let is_taken = layout.parts().any(|part| part.number == DATA_PARTITION)
        || others.any(|other| other.number == DATA_PARTITION && Some(other.start) != start);
    system.expect(
        !is_taken,
        format!("the first boot would overwrite partition {DATA_PARTITION} with the node's data"),
    );
    let ends = layout
        .parts()
        .map(|part| part.start.saturating_add(part.len));
    let end = ends.max().unwrap_or_default();
    system.expect(
        start.is_none_or(|start| end <= start),
        "the system reaches into the place of the node's data",
    );
    Ok(())
}
