//! Address arithmetic for IPv4 and IPv6 alike.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network: an address with its host bits cleared, and the prefix length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    address: IpAddr,
    prefix: u8,
}

/// Reads an address.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| match text.split_once('/') {
        Some((address, _)) if address.parse::<IpAddr>().is_ok() => {
            format!("`{text}`: write the address alone; the prefix is set in [network]")
        }
        _ => format!("`{text}` is not an IP address"),
    })
}

/// Checks the address of a node.
pub(super) fn check_node(text: &str) -> Result<(), String> {
    address(text).map(drop)
}

/// Checks the address of a name server.
pub(super) fn check_server(text: &str) -> Result<(), String> {
    address(text).map(drop)
}

/// An IPv6 address that is meaningful on one link only, as routers announce themselves.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

impl Subnet {
    /// The network an address lies in; `prefix` is from 1 to the address's width.
    pub(super) fn around(address: IpAddr, prefix: u8) -> Self {
        let host = host_mask(width(address), prefix);
        Self {
            address: from_bits(bits(address) & !host, address),
            prefix,
        }
    }

    pub(super) fn prefix(self) -> u8 {
        self.prefix
    }

    pub(super) fn same_family(self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4()
    }

    /// The address `offset` after the network address, wherever that ends up.
    pub(super) fn nth(self, offset: u32) -> IpAddr {
        from_bits(
            bits(self.address).wrapping_add(u128::from(offset)),
            self.address,
        )
    }

    /// Whether a router of this network may have the address; IPv6 routers may use a link-local one.
    pub(super) fn gateway_fits(self, gateway: IpAddr) -> Result<(), String> {
        if !self.same_family(gateway) {
            Err(format!(
                "gateway {gateway} is not of the nodes' address family"
            ))
        } else if !is_link_local(gateway) && !self.contains(gateway) {
            Err(format!(
                "gateway {gateway} is outside the nodes' network {self}"
            ))
        } else {
            let meaning = self.reserved(gateway).filter(|_| !is_link_local(gateway));
            meaning.map_or(Ok(()), |meaning| {
                Err(format!("gateway {gateway} is {meaning}"))
            })
        }
    }

    /// Whether a node of this network may have the address.
    pub(super) fn host_fits(self, host: IpAddr, gateway: Option<IpAddr>) -> Result<(), String> {
        let meaning = if gateway == Some(host) {
            Some("the gateway's")
        } else {
            self.reserved(host)
        };
        if !self.same_family(host) {
            Err(format!(
                "address {host} is not of the same family as {self}"
            ))
        } else if let Some(meaning) = meaning {
            Err(format!("address {host} is {meaning}"))
        } else if self.contains(host) {
            Ok(())
        } else {
            Err(format!("address {host} is outside the network {self}"))
        }
    }

    fn contains(self, address: IpAddr) -> bool {
        self.same_family(address) && Self::around(address, self.prefix) == self
    }

    /// What else an address stands for. Networks of one or two addresses reserve none of them.
    fn reserved(self, address: IpAddr) -> Option<&'static str> {
        let host = host_mask(width(address), self.prefix);
        let host_bits = bits(address) & host;
        match address {
            _ if address.is_unspecified() => Some("the unspecified address"),
            _ if address.is_loopback() => Some("a loopback address"),
            _ if address.is_multicast() => Some("a multicast address"),
            IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
            IpAddr::V6(_) if is_link_local(address) => Some("a link-local address"),
            _ if !self.contains(address) || host <= 1 => None,
            IpAddr::V4(_) if host_bits == host => Some("the network's broadcast address"),
            IpAddr::V4(_) if host_bits == 0 => Some("the network's own address"),
            IpAddr::V6(_) if host_bits == 0 => Some("the network's router anycast address"),
            _ => None,
        }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

/// An address of the same family as `like`.
fn from_bits(bits: u128, like: IpAddr) -> IpAddr {
    if like.is_ipv4() {
        let low = bits & u128::from(u32::MAX);
        IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(low).unwrap_or(u32::MAX)))
    } else {
        IpAddr::V6(Ipv6Addr::from_bits(bits))
    }
}

/// Ones where the host part is.
fn host_mask(width: u8, prefix: u8) -> u128 {
    let host_bits = u32::from(width.saturating_sub(prefix));
    1_u128
        .checked_shl(host_bits)
        .map_or(u128::MAX, |bit| bit - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        let (address, prefix) = text.split_once('/').unwrap();
        Subnet::around(address.parse().unwrap(), prefix.parse().unwrap())
    }

    #[test]
    fn networks_are_written_with_their_host_bits_cleared() {
        for (any, network) in [
            ("192.168.0.50/24", "192.168.0.0/24"),
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("10.1.2.3/32", "10.1.2.3/32"),
            ("fd00::1:2/112", "fd00::1:0/112"),
            ("fd00::1/1", "8000::/1"),
        ] {
            assert_eq!(subnet(any).to_string(), network);
        }
        assert_eq!(subnet("192.168.0.1/24").nth(50).to_string(), "192.168.0.50");
        assert_eq!(subnet("fd00::1/64").nth(0x50).to_string(), "fd00::50");
    }

    #[test]
    fn only_ordinary_addresses_of_the_network_fit() {
        for (network, host, fits) in [
            ("192.168.0.0/24", "192.168.0.50", true),
            ("192.168.0.0/24", "192.168.0.0", false),
            ("192.168.0.0/24", "192.168.0.255", false),
            ("192.168.0.0/23", "192.168.0.255", true),
            ("192.168.0.0/24", "192.168.1.50", false),
            ("192.168.0.0/31", "192.168.0.0", true),
            ("192.168.0.1/32", "192.168.0.1", true),
            ("127.0.0.0/8", "127.0.0.2", false),
            ("224.0.0.0/8", "224.0.0.2", false),
            ("fd00::/64", "fd00::50", true),
            ("fd00::/64", "fd00::", false),
            ("fd00::/64", "fd00::ffff:ffff:ffff:ffff", true),
            ("fd00::/64", "fd00:1::50", false),
            ("fd00::/64", "192.168.0.50", false),
            ("fd00::/127", "fd00::", true),
        ] {
            let verdict = subnet(network).host_fits(host.parse().unwrap(), None);
            assert_eq!(verdict.is_ok(), fits, "{host} in {network}: {verdict:?}");
        }
    }

    #[test]
    fn ipv6_routers_may_be_link_local() {
        assert!(
            subnet("fd00::/64")
                .gateway_fits("fe80::1".parse().unwrap())
                .is_ok()
        );
        assert!(
            subnet("fd00::/64")
                .gateway_fits("fd01::1".parse().unwrap())
                .is_err()
        );
    }
}
