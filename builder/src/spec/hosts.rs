//! `[hosts]`: additional lines of `/etc/hosts` for machines that are not nodes.

use super::cluster::full_name;
use super::complaints::Complaints;
use super::machine::HostsLine;
use super::nodes::NodeSettings;
use super::table::Table;
use super::{names, subnet};

/// Reads the table, whose keys are addresses and whose values are lists of names.
pub(super) fn read(
    table: &Table,
    nodes: &[NodeSettings],
    domain: &str,
    log: &mut Complaints,
) -> Vec<HostsLine> {
    let mut lines = Vec::new();
    for key in table.keys() {
        let address = log.check(key.place, subnet::address(key.value));
        let names = table.texts(key.value);
        if names.is_empty() {
            log.add(
                key.place,
                "give at least one name for the address in [hosts]",
            );
        }
        for name in &names {
            log.check(name.place, free_name(name.value, nodes, domain));
        }
        let names = names.iter().map(|name| name.value.to_owned()).collect();
        lines.extend(address.map(|address| HostsLine { address, names }));
    }
    lines
}

fn free_name(name: &str, nodes: &[NodeSettings], domain: &str) -> Result<(), String> {
    let own = |node: &NodeSettings| {
        let full = full_name(&node.name.value, domain);
        name.eq_ignore_ascii_case(&node.name.value) || name.eq_ignore_ascii_case(&full)
    };
    if names::in_every_hosts_file(name) || nodes.iter().any(own) {
        return Err(format!(
            "`{name}` is in /etc/hosts already, with its own address"
        ));
    }
    names::service_name(name)
}
