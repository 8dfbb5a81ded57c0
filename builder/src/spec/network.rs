//! `[network]`: interface, prefix, gateway, name servers and Wi-Fi, as written and then as resolved.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;

use super::cluster::{Cluster, Network, Route, Wifi};
use super::complaints::{Complaints, Place, Placed};
use super::table::Table;
use super::{routes, subnet, wifi};

/// `[network]` before the addresses of the nodes, on which some defaults depend, are known.
pub(super) struct NetworkSettings {
    interface: Option<String>,
    prefix: Placed<u32>,
    /// `None` for a network without a gateway, or if the address is invalid.
    gateway: Option<Placed<IpAddr>>,
    /// The gateway, or the default one, in whose network numbered nodes receive their addresses.
    pub(super) anchor: IpAddr,
    dns: Vec<Placed<IpAddr>>,
    has_dns: bool,
    /// `None` stands for the domain of the nodes.
    search: Option<Vec<String>>,
    on_link: bool,
    /// Where DHCP is asked for, if it is.
    dhcp: Option<Place>,
    routes: Vec<Placed<Route>>,
    mtu: Option<u32>,
    wifi: Option<Wifi>,
}

const DEFAULT_DNS_V6: IpAddr =
    IpAddr::V6(Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111));

/// Reads the table and checks each value on its own.
pub(super) fn read(
    table: &Table,
    wifi: (&Table, Vec<&Table>),
    log: &mut Complaints,
) -> NetworkSettings {
    let interface = table.optional("interface");
    let address = |text: Placed<&str>| Some(text.with(subnet::address(text.value).ok()?));
    let gateway = address(table.text("gateway"));
    let dhcp = table.switch("dhcp").then(|| table.place_of("dhcp"));
    if dhcp.is_some() {
        for name in ["gateway", "dns", "on-link"]
            .into_iter()
            .filter(|name| table.has(name))
        {
            let message =
                format!("`{name}` comes from the DHCP server with `dhcp = true`; remove it");
            log.add(table.place_of(name), message);
        }
    }
    let default = || table.section.default_text("gateway").parse();
    NetworkSettings {
        wifi: wifi::read(wifi.0, wifi.1, interface, log),
        interface: interface.map(|name| name.value.to_owned()),
        prefix: table.integer("prefix"),
        anchor: gateway.map_or_else(
            || default().expect("the default is an address"),
            |gateway| gateway.value,
        ),
        gateway: gateway.filter(|_| dhcp.is_none()),
        dns: table.texts("dns").into_iter().filter_map(address).collect(),
        has_dns: table.has("dns"),
        search: table.has("search").then(|| table.owned_texts("search")),
        on_link: table.switch("on-link"),
        dhcp,
        routes: table
            .texts("routes")
            .into_iter()
            .filter_map(|text| Some(text.with(routes::parse(text.value).ok()?)))
            .collect(),
        mtu: table.optional_integer("mtu").map(|mtu| mtu.value),
    }
}

pub(super) fn gateway(text: &str) -> Result<(), String> {
    match text {
        "none" => Ok(()),
        "" => Err("`gateway` is empty: write \"none\" for a network without one".to_owned()),
        address => subnet::address(address).map(drop),
    }
}

impl NetworkSettings {
    pub(super) fn gateway_address(&self) -> Option<IpAddr> {
        self.gateway.map(|gateway| gateway.value)
    }

    /// Returns the prefix length for the family of the address.
    pub(super) fn prefix_for(&self, address: IpAddr) -> u8 {
        match self.prefix.place {
            Place::Default(..) if address.is_ipv6() => 64,
            _ => u8::try_from(self.prefix.value).unwrap_or(128),
        }
    }

    /// Fills the defaults in and checks the network against the addresses of the nodes.
    pub(super) fn settle(
        self,
        addresses: &[Placed<IpAddr>],
        domain: &str,
        log: &mut Complaints,
    ) -> Network {
        let first = addresses.first();
        let anchor = first.map_or(self.anchor, |first| first.value);
        let prefix = self.prefix_for(anchor);
        if let Some(place) = self.dhcp.filter(|_| anchor.is_ipv6()) {
            log.add(
                place,
                "`dhcp` gives IPv4 addresses only; the nodes have IPv6 addresses",
            );
        }
        if anchor.is_ipv4() && prefix > 32 {
            log.add(
                self.prefix.place,
                format!("`prefix` is {prefix}; IPv4 has 32 bits"),
            );
        } else if first.is_some() && self.on_link {
            check_on_link(addresses, self.gateway, prefix, log);
        } else if first.is_some() {
            check_addresses(addresses, self.gateway, subnet::around(anchor, prefix), log);
        }
        let network = subnet::around(anchor, prefix);
        let domain = Some(domain.to_owned()).filter(|domain| !domain.is_empty());
        Network {
            search: self
                .search
                .clone()
                .unwrap_or_else(|| Vec::from_iter(domain)),
            on_link: self.on_link,
            dhcp: self.dhcp.is_some(),
            routes: routes::settle(
                &self.routes,
                network,
                (addresses, self.gateway_address()),
                log,
            ),
            mtu: self.mtu,
            prefix,
            gateway: self.gateway.map(|gateway| gateway.value),
            dns: self.name_servers(anchor, log),
            interface: self.interface,
            wifi: self.wifi,
            interfaces: Vec::new(),
        }
    }

    fn name_servers(&self, anchor: IpAddr, log: &mut Complaints) -> Vec<IpAddr> {
        if self.dhcp.is_some() {
            return Vec::new();
        }
        if anchor.is_ipv6() && !self.has_dns {
            return vec![DEFAULT_DNS_V6];
        }
        // Nodes with IPv6 addresses have no others. Those with IPv4 may get IPv6 from a router.
        let unreachable = |server: &&Placed<IpAddr>| anchor.is_ipv6() && server.value.is_ipv4();
        for server in self.dns.iter().filter(unreachable) {
            let message = format!(
                "name server {} is not of the nodes' address family",
                server.value
            );
            log.add(server.place, message);
        }
        self.dns.iter().map(|server| server.value).collect()
    }
}

/// Returns a warning about a name server that nodes with IPv4 addresses may not reach.
pub(super) fn warning(cluster: &Cluster) -> Option<String> {
    let network = &cluster.network;
    // A further network with IPv6 addresses may lead to it.
    let mut others = network.interfaces.iter().flat_map(|it| &it.addresses);
    let has_other = others.any(|address| address.addr().is_ipv6());
    let mut nodes = cluster.nodes.iter();
    let mut servers = network.dns.iter();
    let server = servers.find(|server| server.is_ipv6())?;
    (!has_other && nodes.any(|node| node.address.is_ipv4())).then(|| {
        format!(
            "name server {server} has an IPv6 address: the nodes reach it only if a router of their network announces IPv6"
        )
    })
}

/// Checks a gateway outside the nodes' network, and that every node has an ordinary address of a network of its own.
fn check_on_link(
    addresses: &[Placed<IpAddr>],
    gateway: Option<Placed<IpAddr>>,
    prefix: u8,
    log: &mut Complaints,
) {
    if let Some(gateway) = gateway {
        let alone = subnet::around(gateway.value, 128);
        log.check(gateway.place, subnet::gateway_fits(alone, gateway.value));
    }
    for address in addresses {
        let network = subnet::around(address.value, prefix);
        let gateway = gateway.map(|gateway| gateway.value);
        let family = gateway.is_none_or(|gateway| subnet::same_family(network, gateway));
        let fits = match family {
            true => subnet::host_fits(network, address.value, gateway),
            false => Err(format!(
                "address {} is not of the gateway's family",
                address.value
            )),
        };
        log.check(address.place, fits);
    }
}

/// Checks that all nodes and the gateway share one network and have ordinary addresses.
///
/// A gateway in the file determines the network; otherwise, the first node does.
fn check_addresses(
    addresses: &[Placed<IpAddr>],
    gateway: Option<Placed<IpAddr>>,
    of_first: IpNet,
    log: &mut Complaints,
) {
    let mut network = of_first;
    if let Some(gateway) = gateway {
        let written = gateway.place.is_written() && subnet::same_family(of_first, gateway.value);
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
    for address in addresses {
        let gateway = gateway.map(|gateway| gateway.value);
        log.check(
            address.place,
            subnet::host_fits(network, address.value, gateway),
        );
    }
}
