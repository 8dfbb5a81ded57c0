//! `routes` of `[network]`: networks that other routers than the gateway reach.

use std::net::IpAddr;

use ipnet::IpNet;

use super::cluster::Route;
use super::complaints::{Complaints, Placed};
use super::subnet;

/// Parses a route as ip-route(8) writes it: `10.0.0.0/8 via 192.168.0.254`.
pub(super) fn parse(text: &str) -> Result<Route, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [to, "via", via] = words[..] else {
        return Err(format!(
            "`{text}` is not a route; write it as in \"10.0.0.0/8 via 192.168.0.254\""
        ));
    };
    if ["default", "0.0.0.0/0", "::/0"].contains(&to) {
        return Err("the default route is `gateway` in [network]".to_owned());
    }
    let (host, length) = subnet::with_prefix(to)?;
    let length = length.ok_or_else(|| {
        format!(
            "`{to}` needs its prefix length, as in \"{to}/{}\"",
            IpNet::from(host).prefix_len()
        )
    })?;
    let (net, via) = (subnet::around(host, length), subnet::address(via)?);
    if net.addr() != host {
        return Err(format!("`{to}` has bits after its prefix; write {net}"));
    }
    if !subnet::same_family(net, via) {
        return Err(format!("route {net}: {via} is of another address family"));
    }
    Ok(Route { to: net, via })
}

pub(super) fn check(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

/// Returns the routes, and checks that a node reaches their routers in its own network, and the other nodes and the gateway
/// without a router.
pub(super) fn settle(
    written: &[Placed<Route>],
    network: IpNet,
    (nodes, gateway): (&[Placed<IpAddr>], Option<IpAddr>),
    log: &mut Complaints,
) -> Vec<Route> {
    for (at, route) in written.iter().enumerate() {
        let Route { to, via } = route.value;
        let mut near = nodes.iter().map(|node| node.value).chain(gateway);
        let near = near.find(|host| network.contains(host) && to.contains(host));
        let is_repeated = written.iter().take(at).any(|other| other.value.to == to);
        let is_node = nodes.iter().any(|node| node.value == via);
        let wrong = if !subnet::same_family(network, via) {
            Some("is not of the nodes' address family")
        } else if is_node {
            Some("is a node, which forwards nothing")
        } else if !network.contains(&via) && !subnet::is_link_local(via) {
            Some("is outside the nodes' network")
        } else {
            None
        };
        if let Some(wrong) = wrong {
            log.add(route.place, format!("route {to}: {via} {wrong}"));
        } else if to.contains(&network) {
            let message =
                format!("route {to} covers the nodes' own network; set `gateway` instead");
            log.add(route.place, message);
        } else if let Some(host) = near {
            let message = format!(
                "route {to} would lead to {host}, which is in the nodes' own network, through {via}"
            );
            log.add(route.place, message);
        } else if is_repeated {
            log.add(route.place, format!("another route also leads to {to}"));
        }
    }
    written.iter().map(|route| route.value).collect()
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn routes_are_read_as_ip_route_writes_them() {
        for text in ["10.0.0.0/8 via 192.168.0.254", "fd01::/48  via  fe80::1"] {
            assert_eq!(check(text), Ok(()));
        }
        for (text, wanted) in [
            (
                "10.0.0.0/8",
                "`10.0.0.0/8` is not a route; write it as in \"10.0.0.0/8 via 192.168.0.254\"",
            ),
            (
                "10.0.0.1 via 192.168.0.254",
                "`10.0.0.1` needs its prefix length, as in \"10.0.0.1/32\"",
            ),
            (
                "10.0.0.1/8 via 192.168.0.254",
                "`10.0.0.1/8` has bits after its prefix; write 10.0.0.0/8",
            ),
            (
                "10.0.0.0/33 via 192.168.0.254",
                "`10.0.0.0/33`: the prefix length must be from 1 to 32",
            ),
            (
                "10.0.0.0/8 via fd00::1",
                "route 10.0.0.0/8: fd00::1 is of another address family",
            ),
            ("10.0.0.0/8 via router", "`router` is not an IP address"),
            (
                "default via 192.168.0.1",
                "the default route is `gateway` in [network]",
            ),
            (
                "0.0.0.0/0 via 192.168.0.1",
                "the default route is `gateway` in [network]",
            ),
        ] {
            assert_eq!(check(text), Err(wanted.to_owned()));
        }
    }
}
