//! Checks of the addresses of nodes, gateways and name servers.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::unquoted;

/// Parses an address.
pub(crate) fn address(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr = text.parse().map_err(|_| unreadable(text))?;
    match address.to_canonical() {
        canonical if canonical == address => Ok(address),
        canonical => Err(format!(
            "`{text}` is an IPv4 address in the form of IPv6; write {canonical}"
        )),
    }
}

/// Returns the address of a text such as `fe80::1%eth0`.
fn scoped(text: &str) -> Option<IpAddr> {
    text.split_once('%')?.0.parse().ok()
}

fn unreadable(text: &str) -> String {
    let has_prefix = text
        .split_once('/')
        .is_some_and(|(address, _)| address.parse::<IpAddr>().is_ok());
    if has_prefix {
        format!("`{text}`: write the address alone; the prefix is set in [network]")
    } else if let Some(address) = scoped(text) {
        format!("`{text}`: write {address}; the interface is set in [network]")
    } else if let Some(address) = without_zeros(text) {
        format!("`{text}`: write {address}; some programs read a leading zero as octal")
    } else if let Some(address) = inside(text) {
        format!("`{text}`: write {address} alone")
    } else {
        format!("`{text}` is not an IP address")
    }
}

/// Returns the address that a text has between spaces or in brackets, or in a URL or before a port.
fn inside(text: &str) -> Option<IpAddr> {
    let place = text.split_once("://").map_or(text, |(_, place)| place);
    let place = place.trim().trim_end_matches('/');
    let host = match place.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map(|(host, _)| host),
        None => place.split(':').next(),
    };
    let address = place.parse().ok();
    address.or_else(|| host?.parse().ok())
}

/// Returns the address if the text is an IPv4 address except for leading zeros.
fn without_zeros(text: &str) -> Option<IpAddr> {
    let part = |part: &str| {
        part.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| part.parse())
    };
    let parts: Option<Result<Vec<u8>, _>> = text.split('.').map(part).collect();
    let octets: [u8; 4] = parts?.ok()?.try_into().ok()?;
    Some(octets.into())
}

/// Returns the prefix length that a text without the right type means: `"24"`, `"/24"` or a netmask.
pub(super) fn prefix_length(text: &str) -> Option<u32> {
    let mask = || unquoted::prefix_length(text.parse().ok()?);
    let number = text.strip_prefix('/').unwrap_or(text).parse().ok();
    number.or_else(|| mask().map(u32::from))
}

/// Checks the address of a node independently of its network.
pub(super) fn check_node(text: &str) -> Result<(), String> {
    match scoped(text) {
        Some(address) if is_link_local(address) => Err(format!(
            "`{text}` is a link-local address; give the node another one, as in fd00::50"
        )),
        _ if matches!(text, "dhcp" | "auto") => Err(format!(
            "`{text}` is not an IP address: each node needs one, which a DHCP server can reserve for it (`dhcp` in [network])"
        )),
        _ => address(text).map(drop),
    }
}

/// Parses an address with an optional prefix length.
pub(super) fn with_prefix(text: &str) -> Result<(IpAddr, Option<u8>), String> {
    let Some((host, length)) = text.split_once('/') else {
        return Ok((address(text)?, None));
    };
    let host = address(host)?;
    let widest = IpNet::from(host).max_prefix_len();
    match length.parse() {
        Ok(length @ 1..) if length <= widest => Ok((host, Some(length))),
        _ => Err(format!(
            "`{text}`: the prefix length must be from 1 to {widest}"
        )),
    }
}

/// Checks the previous address of a node.
pub(super) fn check_previous(text: &str) -> Result<(), String> {
    with_prefix(text).map(drop)
}

/// Checks the address of a name server.
pub(super) fn check_server(text: &str) -> Result<(), String> {
    check_serving("name server", text)
}

/// Checks the address of a server of this kind, which may be on the node itself.
pub(super) fn check_serving(kind: &str, text: &str) -> Result<(), String> {
    let address = scoped(text).map_or_else(|| address(text), Ok)?;
    if is_link_local(address) {
        return Err(format!(
            "{kind} {text} is a link-local address; give another one of it, as in fd00::1"
        ));
    }
    match special(address).filter(|_| !address.is_loopback()) {
        Some(meaning) => Err(format!("{kind} {address} is {meaning}")),
        None => Ok(()),
    }
}

/// Returns whether the address is a link-local IPv6 address, as routers announce.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

pub(super) fn same_family(network: IpNet, address: IpAddr) -> bool {
    network.addr().is_ipv4() == address.is_ipv4()
}

/// Returns the network that contains the address. If `prefix` exceeds the address's width, it is the address alone.
pub(super) fn around(address: IpAddr, prefix: u8) -> IpNet {
    IpNet::new(address, prefix)
        .unwrap_or_else(|_| IpNet::from(address))
        .trunc()
}

/// Returns the address at `offset` from the network address, even if it is outside the network.
pub(super) fn nth(network: IpNet, offset: u32) -> IpAddr {
    match network.network() {
        IpAddr::V4(first) => first.to_bits().wrapping_add(offset).to_be_bytes().into(),
        IpAddr::V6(first) => first
            .to_bits()
            .wrapping_add(offset.into())
            .to_be_bytes()
            .into(),
    }
}

/// Checks that a router of the network may have the address; IPv6 routers may use a link-local one.
pub(super) fn gateway_fits(network: IpNet, gateway: IpAddr) -> Result<(), String> {
    if !same_family(network, gateway) {
        return Err(format!(
            "gateway {gateway} is not of the nodes' address family"
        ));
    }
    if is_link_local(gateway) {
        return Ok(());
    }
    if !network.contains(&gateway) {
        return Err(format!(
            "gateway {gateway} is outside the nodes' network {network}"
        ));
    }
    match reserved(network, gateway) {
        Some(meaning) => Err(format!("gateway {gateway} is {meaning}")),
        None => Ok(()),
    }
}

/// Checks that a node of the network may have the address.
pub(super) fn host_fits(
    network: IpNet,
    host: IpAddr,
    gateway: Option<IpAddr>,
) -> Result<(), String> {
    let meaning = match gateway == Some(host) {
        true => Some("the gateway's"),
        false => reserved(network, host),
    };
    if !same_family(network, host) {
        Err(format!(
            "address {host} is not of the same family as {network}"
        ))
    } else if let Some(meaning) = meaning {
        Err(format!("address {host} is {meaning}"))
    } else if network.contains(&host) {
        Ok(())
    } else {
        Err(format!("address {host} is outside the network {network}"))
    }
}

/// Returns whether a host may have the address, whatever its network is.
pub(crate) fn is_for_hosts(text: &str) -> bool {
    let address = text.parse().ok();
    check_node(text).is_ok() && address.is_some_and(|address| special(address).is_none())
}

/// Returns the special meaning that an address has in every network, if any.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        _ if address.is_unspecified() => Some("the unspecified address"),
        _ if address.is_loopback() => Some("a loopback address"),
        _ if address.is_multicast() => Some("a multicast address"),
        IpAddr::V4(v4) if v4.is_broadcast() => Some("the broadcast address"),
        IpAddr::V4(v4) if v4.octets()[0] == 0 => Some("in 0.0.0.0/8, which is not for hosts"),
        IpAddr::V4(v4) if v4.octets()[0] >= 240 => Some("in 240.0.0.0/4, which is reserved"),
        _ => None,
    }
}

/// Returns the special meaning that an address has in this network, if any. A network of one or two addresses adds none.
fn reserved(network: IpNet, address: IpAddr) -> Option<&'static str> {
    let meaning =
        special(address).or_else(|| is_link_local(address).then_some("a link-local address"));
    if meaning.is_some() || network.max_prefix_len() - network.prefix_len() <= 1 {
        return meaning;
    }
    match address {
        IpAddr::V4(_) if address == network.broadcast() => Some("the network's broadcast address"),
        IpAddr::V4(_) if address == network.network() => Some("the network's own address"),
        IpAddr::V6(_) if address == network.network() => {
            Some("the network's router anycast address")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::table_tests::pairs;
    use super::*;

    fn subnet(text: &str) -> IpNet {
        text.parse::<IpNet>().unwrap().trunc()
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
        assert_eq!(
            nth(subnet("192.168.0.1/24"), 50).to_string(),
            "192.168.0.50"
        );
        assert_eq!(nth(subnet("fd00::1/64"), 0x50).to_string(), "fd00::50");
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
            let verdict = host_fits(subnet(network), host.parse().unwrap(), None);
            assert_eq!(verdict.is_ok(), fits, "{host} in {network}: {verdict:?}");
        }
    }

    #[test]
    fn ipv6_routers_may_be_link_local() {
        let network = subnet("fd00::/64");
        let fits = |gateway: &str| gateway_fits(network, gateway.parse().unwrap());
        assert_eq!(fits("fe80::1"), Ok(()));
        let outside = "gateway fd01::1 is outside the nodes' network fd00::/64";
        assert_eq!(fits("fd01::1"), Err(outside.to_owned()));
    }

    #[test]
    fn addresses_that_no_host_has_are_refused() {
        for (text, wanted) in pairs(
            "
            ::ffff:192.168.0.50 → `::ffff:192.168.0.50` is an IPv4 address in the form of IPv6; write 192.168.0.50
            fe80::1%eth0 → `fe80::1%eth0` is a link-local address; give the node another one, as in fd00::50
            fd00::1%eth0 → `fd00::1%eth0`: write fd00::1; the interface is set in [network]
            192.168.000.050 → `192.168.000.050`: write 192.168.0.50; some programs read a leading zero as octal
            1..2.3 → `1..2.3` is not an IP address
            192.168.0.256 → `192.168.0.256` is not an IP address
            10.0.0.1/8 → `10.0.0.1/8`: write the address alone; the prefix is set in [network]
            10.0.0 → `10.0.0` is not an IP address
            ",
        ) {
            assert_eq!(check_node(text), Err(wanted.to_owned()));
        }
        for (text, wanted) in [
            (
                "0.0.0.5",
                "address 0.0.0.5 is in 0.0.0.0/8, which is not for hosts",
            ),
            (
                "240.0.0.5",
                "address 240.0.0.5 is in 240.0.0.0/4, which is reserved",
            ),
        ] {
            let address = text.parse().unwrap();
            assert_eq!(
                host_fits(around(address, 24), address, None),
                Err(wanted.to_owned())
            );
        }
        for (text, wanted) in [
            ("0.0.0.0", "name server 0.0.0.0 is the unspecified address"),
            ("::", "name server :: is the unspecified address"),
            ("224.0.0.1", "name server 224.0.0.1 is a multicast address"),
            (
                "fe80::1%eth0",
                "name server fe80::1%eth0 is a link-local address; give another one of it, as in fd00::1",
            ),
            (
                "fe80::1",
                "name server fe80::1 is a link-local address; give another one of it, as in fd00::1",
            ),
        ] {
            assert_eq!(check_server(text), Err(wanted.to_owned()));
        }
        assert_eq!(check_server("127.0.0.53"), Ok(()));
    }

    #[test]
    fn what_is_around_an_address_is_left_out() {
        for (text, wanted) in [
            (" 10.0.0.1", "` 10.0.0.1`: write 10.0.0.1 alone"),
            ("[fd00::1]", "`[fd00::1]`: write fd00::1 alone"),
            ("10.0.0.1:2379", "`10.0.0.1:2379`: write 10.0.0.1 alone"),
            (
                "https://[fd00::1]:2380/",
                "`https://[fd00::1]:2380/`: write fd00::1 alone",
            ),
            (
                "dhcp",
                "`dhcp` is not an IP address: each node needs one, which a DHCP server can reserve for it (`dhcp` in [network])",
            ),
        ] {
            assert_eq!(check_node(text), Err(wanted.to_owned()));
        }
    }
}
