//! `[network]`: interface, prefix, gateway, name servers and Wi-Fi, as written and then as resolved.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use super::cluster::{Network, Wifi};
use super::complaints::{Complaints, Place, Placed};
use super::document::Document;
use super::nodes::Written as Node;
use super::subnet;
use super::{settings, wifi};

/// `[network]` before the addresses of the nodes, on which some defaults depend, are known.
pub(super) struct Written {
    interface: Option<String>,
    prefix: Placed<u32>,
    /// `None` for a network without a gateway, or if the address is invalid.
    gateway: Option<Placed<IpAddr>>,
    dns: Vec<Placed<IpAddr>>,
    has_dns: bool,
    wifi: Option<Wifi>,
}

const DEFAULT_DNS_V6: IpAddr =
    IpAddr::V6(Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111));

/// Reads the table and checks each value on its own.
pub(super) fn read(document: &Document, log: &mut Complaints) -> Written {
    let table = document.table("network");
    let interface = table.optional("interface");
    let address = |text: Placed<&str>| Some(text.with(subnet::address(text.value).ok()?));
    Written {
        wifi: wifi::read(document.table("network.wifi"), interface, log),
        interface: interface.map(|name| name.value.to_owned()),
        prefix: table.integer("prefix"),
        gateway: address(table.text("gateway")),
        dns: table.texts("dns").into_iter().filter_map(address).collect(),
        has_dns: table.has("dns"),
    }
}

pub(super) fn gateway(text: &str) -> Result<(), String> {
    match text {
        "none" => Ok(()),
        address => subnet::address(address).map(drop),
    }
}

impl Written {
    /// Returns the gateway, or the default one, in whose network numbered nodes receive their addresses.
    pub(super) fn anchor(&self) -> IpAddr {
        let default = || settings::default_text("network", "gateway").parse();
        let gateway = self.gateway.map(|gateway| gateway.value);
        gateway.unwrap_or_else(|| default().expect("the default is an address"))
    }

    /// Returns the prefix length for the family of the address.
    pub(super) fn prefix_for(&self, address: IpAddr) -> u8 {
        match self.prefix.place {
            Place::Default(..) if address.is_ipv6() => 64,
            _ => u8::try_from(self.prefix.value).unwrap_or(128),
        }
    }

    /// Fills the defaults in and checks the network against the nodes in it.
    pub(super) fn settle(self, nodes: &[Node], log: &mut Complaints) -> Network {
        let first = nodes.iter().find_map(|node| node.address);
        let anchor = first.map_or(self.anchor(), |first| first.value);
        let prefix = self.prefix_for(anchor);
        if anchor.is_ipv4() && prefix > 32 {
            log.add(
                self.prefix.place,
                format!("`prefix` is {prefix}; IPv4 has 32 bits"),
            );
        } else if first.is_some() {
            check_addresses(nodes, self.gateway, subnet::around(anchor, prefix), log);
        }
        Network {
            prefix,
            gateway: self.gateway.map(|gateway| gateway.value),
            dns: self.name_servers(anchor, log),
            interface: self.interface,
            wifi: self.wifi,
        }
    }

    fn name_servers(&self, anchor: IpAddr, log: &mut Complaints) -> Vec<IpAddr> {
        if anchor.is_ipv6() && !self.has_dns {
            return vec![DEFAULT_DNS_V6];
        }
        for server in self
            .dns
            .iter()
            .filter(|server| server.value.is_ipv4() != anchor.is_ipv4())
        {
            let message = format!(
                "name server {} is not of the nodes' address family",
                server.value
            );
            log.add(server.place, message);
        }
        self.dns.iter().map(|server| server.value).collect()
    }
}

/// Checks that all nodes and the gateway share one network and have ordinary addresses.
///
/// A gateway in the file determines the network; otherwise, the first node does.
fn check_addresses(
    nodes: &[Node],
    gateway: Option<Placed<IpAddr>>,
    of_first: IpNet,
    log: &mut Complaints,
) {
    let mut network = of_first;
    if let Some(gateway) = gateway {
        let written =
            matches!(gateway.place, Place::Line(_)) && subnet::same_family(of_first, gateway.value);
        if written && !subnet::is_link_local(gateway.value) {
            network = subnet::around(gateway.value, of_first.prefix_len());
        }
        let advice = if written {
            ""
        } else {
            "; set `gateway` in [network], or \"none\""
        };
        let fits = subnet::gateway_fits(network, gateway.value);
        log.check(
            gateway.place,
            fits.map_err(|message| format!("{message}{advice}")),
        );
    }
    for address in nodes.iter().filter_map(|node| node.address) {
        let gateway = gateway.map(|gateway| gateway.value);
        log.check(
            address.place,
            subnet::host_fits(network, address.value, gateway),
        );
    }
}
