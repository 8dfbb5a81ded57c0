//! A hosts table, as in `/etc/hosts`.

use std::net::IpAddr;

use super::lines::lines;
use super::{Host, Listing};
use crate::count::count;
use crate::spec;

/// A machine, and whether one of its names says that it runs etcd.
pub(super) type MarkedHost = (Host, bool);

/// Reads the machines: those with etcd in their names if there are any, otherwise all. An error begins with its place.
pub(super) fn read(text: &str) -> Result<Listing, String> {
    let (mut all, mut notes) = (Vec::<MarkedHost>::new(), Vec::new());
    for (number, line) in lines(text) {
        let found = named_on(line).map_err(|what| format!(":{number}: {what}"))?;
        let Some((host, is_etcd)) = found else {
            continue;
        };
        match all.iter_mut().find(|(known, _)| is_same(known, &host)) {
            None => all.push((host, is_etcd)),
            // A table of a machine has its name with a loopback address as well.
            Some((known, _)) if known.variables.is_empty() => *known = host,
            Some((known, _)) => notes.extend(host.variables.first().map(|address| {
                let (name, other) = (&known.name, &address.value);
                format!("{other}, a further address of {name}")
            })),
        }
    }
    // The name of a machine that is no member may contain `etcd` as well.
    let is_member = |(host, is_etcd): &MarkedHost| *is_etcd && !host.variables.is_empty();
    if !all.iter().any(is_member) {
        all.retain(|(host, _)| !host.variables.is_empty());
    }
    let mut listing = of_etcd(all);
    listing.notes.extend(notes);
    Ok(listing)
}

/// Returns the machines that run etcd, or all of them if no name says so.
pub(super) fn of_etcd(all: Vec<MarkedHost>) -> Listing {
    let total = all.len();
    let any = all.iter().any(|(_, is_etcd)| *is_etcd);
    let chosen = all.into_iter().filter(|(_, is_etcd)| *is_etcd || !any);
    let hosts: Vec<Host> = chosen.map(|(host, _)| host).collect();
    let left = total - hosts.len();
    let notes = match any && left > 0 {
        true => vec![format!(
            "{} without `etcd` in the name",
            count(left, "machine")
        )],
        false => Vec::new(),
    };
    Listing {
        hosts,
        notes,
        ..Listing::default()
    }
}

/// Returns whether two lines are about one machine. On its own line with a loopback address, its name may have a domain.
fn is_same(one: &Host, other: &Host) -> bool {
    let label = |host: &Host| host.name.split('.').next().map(str::to_owned);
    let is_own = one.variables.is_empty() || other.variables.is_empty();
    one.name == other.name || (is_own && label(one) == label(other))
}

/// Returns the machine on a line, with the first of its names. A machine's own table names it beside a loopback address (Debian's
/// `127.0.1.1`), which is left out. Other loopback and multicast names belong to no machine.
fn named_on(line: &str) -> Result<Option<MarkedHost>, String> {
    let mut words = line
        .split_whitespace()
        .take_while(|word| !word.starts_with('#'));
    let Some(address) = words.next() else {
        return Ok(None);
    };
    // Only link-local addresses name an interface.
    if address.contains('%') {
        return Ok(None);
    }
    let address = spec::address(address)?;
    let names: Vec<&str> = words.collect();
    let of_etcd = names.iter().find(|name| name.contains("etcd"));
    if address.is_loopback() {
        return Ok(of_etcd.map(|name| (Host::new(name, &[]), true)));
    }
    let Some(name) = names.first().filter(|name| !is_nobody(address, name)) else {
        return Ok(None);
    };
    let host = Host::new(name, &[("ansible_host", &address.to_string())]);
    Ok(Some((host, of_etcd.is_some())))
}

/// Returns whether an address, which is not a loopback one, belongs to no single machine. Debian's `ip6-localnet` is `fe00::`.
fn is_nobody(address: IpAddr, name: &str) -> bool {
    let is_special = match address {
        IpAddr::V4(v4) => v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    is_special || address.is_multicast() || address.is_unspecified() || name.starts_with("ip6-")
}
