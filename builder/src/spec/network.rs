//! `[network]`: interface, prefix, gateway, name servers and Wi-Fi, as written and then as meant.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::cluster::{Network, Wifi};
use super::complaints::{Complaints, Place, Placed};
use super::document::Table;
use super::names;
use super::nodes::Written as Node;
use super::subnet::{self, Subnet};
use super::wifi;

/// `[network]` as written: nothing is filled in yet, because defaults depend on the address family.
#[derive(Default)]
pub(super) struct Written {
    interface: Option<Placed<String>>,
    pub(super) prefix: Option<Placed<u8>>,
    gateway: Option<Placed<Gateway>>,
    dns: Option<Vec<Placed<IpAddr>>>,
    wifi: Option<Wifi>,
}

/// `gateway = "none"` is not the same as no `gateway` line, which means the default.
#[derive(Clone, Copy)]
enum Gateway {
    None,
    Unreadable,
    At(IpAddr),
}

const DEFAULT_GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 0, 1));
const DEFAULT_DNS_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(1, 1, 1, 1));
const DEFAULT_DNS_V6: IpAddr =
    IpAddr::V6(Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111));

/// Reads the table; complains about values that are wrong by themselves.
pub(super) fn read(table: Option<&Table<'_>>, log: &mut Complaints) -> Written {
    let Some(table) = table else {
        return Written::default();
    };
    let interface = table.string("interface", log).map(|name| {
        log.check(name.place, names::interface(name.value));
        name.with(name.value.to_owned())
    });
    let prefix = table.integer("prefix", 1..=128, " bits", log);
    let gateway = table.string("gateway", log).map(|text| match text.value {
        "none" => text.with(Gateway::None),
        address => text.with(
            log.check(text.place, subnet::address(address))
                .map_or(Gateway::Unreadable, Gateway::At),
        ),
    });
    let dns = table.strings("dns", log).map(|servers| {
        let server = |text: &Placed<&str>| {
            log.check(text.place, subnet::address(text.value))
                .map(|ip| text.with(ip))
        };
        servers.iter().filter_map(server).collect()
    });
    Written {
        wifi: wifi::read(table, interface.as_ref(), log),
        prefix: prefix.map(|prefix| prefix.with(u8::try_from(prefix.value).unwrap_or(128))),
        interface,
        gateway,
        dns,
    }
}

impl Written {
    /// Where generated node addresses are counted from.
    pub(super) fn gateway(&self) -> IpAddr {
        match self.gateway {
            Some(Placed {
                value: Gateway::At(address),
                ..
            }) => address,
            _ => DEFAULT_GATEWAY,
        }
    }

    /// The prefix for addresses of one family.
    pub(super) fn prefix_for(&self, address: IpAddr) -> u8 {
        let default = if address.is_ipv4() { 24 } else { 64 };
        self.prefix.map_or(default, |prefix| prefix.value)
    }

    /// Fills the defaults in and checks the network against the nodes in it.
    pub(super) fn settle(self, nodes: &[Node], log: &mut Complaints) -> Network {
        let gateway = match self.gateway {
            Some(Placed {
                value: Gateway::None | Gateway::Unreadable,
                ..
            }) => None,
            Some(Placed {
                place,
                value: Gateway::At(address),
            }) => Some(Placed::new(place, address)),
            None => Some(Placed::new(
                Place::Default("network.gateway"),
                DEFAULT_GATEWAY,
            )),
        };
        let first = nodes.iter().find_map(|node| node.address);
        let anchor = first.map_or(DEFAULT_GATEWAY, |first| first.value);
        let prefix = self.prefix_for(anchor);
        let too_long = self
            .prefix
            .filter(|prefix| anchor.is_ipv4() && prefix.value > 32);
        if let Some(written) = too_long {
            log.add(
                written.place,
                format!("`prefix` is {prefix}; IPv4 has 32 bits"),
            );
        } else if first.is_some() {
            check_addresses(nodes, gateway, Subnet::around(anchor, prefix), log);
        }
        Network {
            interface: self.interface.map(|interface| interface.value),
            prefix,
            gateway: gateway.map(|gateway| gateway.value),
            dns: name_servers(self.dns, anchor, log),
            wifi: self.wifi,
        }
    }
}

/// Every node and the gateway must share one network, and no address may have another meaning.
///
/// A gateway that was written on purpose says which network that is; else the first node does.
fn check_addresses(
    nodes: &[Node],
    gateway: Option<Placed<IpAddr>>,
    of_first: Subnet,
    log: &mut Complaints,
) {
    let mut network = of_first;
    if let Some(gateway) = gateway {
        let written =
            matches!(gateway.place, Place::Line(_)) && of_first.same_family(gateway.value);
        if written && !subnet::is_link_local(gateway.value) {
            network = Subnet::around(gateway.value, of_first.prefix());
        }
        let advice = if written {
            ""
        } else {
            "; set `gateway` in [network], or \"none\""
        };
        let fits = network.gateway_fits(gateway.value);
        log.check(
            gateway.place,
            fits.map_err(|message| format!("{message}{advice}")),
        );
    }
    for address in nodes.iter().filter_map(|node| node.address) {
        let gateway = gateway.map(|gateway| gateway.value);
        log.check(address.place, network.host_fits(address.value, gateway));
    }
}

fn name_servers(
    written: Option<Vec<Placed<IpAddr>>>,
    anchor: IpAddr,
    log: &mut Complaints,
) -> Vec<IpAddr> {
    let Some(servers) = written else {
        return vec![if anchor.is_ipv4() {
            DEFAULT_DNS_V4
        } else {
            DEFAULT_DNS_V6
        }];
    };
    for server in &servers {
        if server.value.is_ipv4() != anchor.is_ipv4() {
            let message = format!(
                "name server {} is not of the nodes' address family",
                server.value
            );
            log.add(server.place, message);
        }
    }
    servers.iter().map(|server| server.value).collect()
}
