//! A hosts table, as in `/etc/hosts`.

use std::net::IpAddr;

use super::lines::lines;
use super::{Host, Listing};
use crate::count::count;

/// Reads the machines: those with etcd in their names if there are any, otherwise all.
pub(super) fn read(text: &str) -> Listing {
    let all: Vec<Host> = lines(text)
        .filter_map(|(_, line)| host_of_line(line))
        .collect();
    let is_etcd = |host: &&Host| host.name.contains("etcd");
    let etcd: Vec<Host> = all.iter().filter(is_etcd).cloned().collect();
    let (hosts, notes) = match etcd.len() {
        0 => (all, Vec::new()),
        few if few == all.len() => (etcd, Vec::new()),
        few => {
            let note = format!(
                "{} without `etcd` in the name",
                count(all.len() - few, "machine")
            );
            (etcd, vec![note])
        }
    };
    Listing {
        hosts,
        notes,
        ..Listing::default()
    }
}

/// Returns a machine with the first of its names; loopback and multicast names belong to no machine.
fn host_of_line(line: &str) -> Option<Host> {
    let mut words = line
        .split_whitespace()
        .take_while(|word| !word.starts_with('#'));
    let address: IpAddr = words.next()?.parse().ok()?;
    let name = words.next()?;
    let is_link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    let nobody = address.is_loopback()
        || address.is_multicast()
        || address.is_unspecified()
        || is_link_local;
    // Debian's name for the machine itself is `127.0.1.1`, which is loopback, and `ip6-localnet` is `fe00::`.
    (!nobody && !name.starts_with("ip6-"))
        .then(|| Host::new(name, &[("ansible_host", &address.to_string())]))
}
