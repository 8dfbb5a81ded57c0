//! One Ethernet network for the machines: a bridge with the gateway's address, and a tap per node.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use anyhow::{Context as _, Result};

use super::fault::{Fault, FaultKind};
use super::program::IP;

/// The static address of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestInterface {
    /// The address.
    pub address: IpAddr,
    /// The prefix length of its network.
    pub prefix: u8,
    /// The router that the node uses.
    pub gateway: Option<IpAddr>,
}

const BRIDGE: &str = "nodes";

/// Creates the bridge and the taps in this namespace, with which they end.
pub(super) fn make(nodes: &[GuestInterface]) -> Result<()> {
    if std::fs::metadata("/dev/net/tun").is_err() {
        return Err(Fault::new(
            FaultKind::Usage,
            "this machine has no /dev/net/tun, so QEMU gets no network",
            "load the module: modprobe tun; in a container, pass the device in",
        ));
    }
    let Some(first) = nodes.first() else {
        return Ok(());
    };
    ip("link set lo up")?;
    ip(&format!("link add {BRIDGE} type bridge"))?;
    let (host, prefix) = (host_address(nodes), first.prefix);
    // Without `nodad`, an IPv6 address is not usable until the kernel has searched for duplicates.
    let at_once = if host.is_ipv6() { " nodad" } else { "" };
    ip(&format!(
        "address add {host}/{prefix} dev {BRIDGE}{at_once}"
    ))?;
    ip(&format!("link set {BRIDGE} up"))?;
    for number in 0..nodes.len() {
        let tap = tap(number);
        ip(&format!("tuntap add {tap} mode tap"))?;
        ip(&format!("link set {tap} master {BRIDGE} up"))?;
    }
    first_gateway_link_local(first)
}

/// Returns the name of a node's device on the host's side.
pub(super) fn tap(number: usize) -> String {
    format!("node{number}")
}

/// Returns the hardware address of a node. It has the prefix of a Raspberry Pi 3, because Linux names a USB adapter `eth0`
/// only if its address is globally assigned.
pub(super) fn mac(number: usize) -> String {
    format!(
        "b8:27:eb:00:{:02x}:{:02x}",
        number >> 8 & 0xff,
        number & 0xff
    )
}

/// Adds a link-local gateway such as `fe80::1` to the bridge, in addition to the address of the host.
fn first_gateway_link_local(node: &GuestInterface) -> Result<()> {
    match node.gateway {
        Some(gateway) if is_link_local(gateway) => {
            ip(&format!("address add {gateway}/64 dev {BRIDGE} nodad"))
        }
        _ => Ok(()),
    }
}

/// Returns the host's address on the nodes' network: the gateway's, or the first that no node has.
fn host_address(nodes: &[GuestInterface]) -> IpAddr {
    let gateway = nodes.first().and_then(|node| node.gateway);
    if let Some(gateway) = gateway.filter(|gateway| !is_link_local(*gateway)) {
        return gateway;
    }
    let taken = |address: &IpAddr| nodes.iter().any(|node| node.address == *address);
    let unspecified = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let (address, prefix) = nodes
        .first()
        .map_or((unspecified, 32), |node| (node.address, node.prefix));
    let mut candidates = (1..=u32::MAX).map(|offset| nth(address, prefix, offset));
    candidates
        .find(|candidate| !taken(candidate))
        .unwrap_or(unspecified)
}

fn is_link_local(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

/// Returns the address `offset` after the start of the network that contains `address`.
fn nth(address: IpAddr, prefix: u8, offset: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let host = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
            Ipv4Addr::from_bits((address.to_bits() & !host).wrapping_add(offset)).into()
        }
        IpAddr::V6(address) => {
            let host = u128::MAX.checked_shr(prefix.into()).unwrap_or(0);
            Ipv6Addr::from_bits((address.to_bits() & !host).wrapping_add(offset.into())).into()
        }
    }
}

fn ip(words: &str) -> Result<()> {
    let words: Vec<_> = words.split(' ').collect();
    IP.run(&words).context("making the nodes' network")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(address: &str, prefix: u8, gateway: Option<&str>) -> GuestInterface {
        GuestInterface {
            address: address.parse().unwrap(),
            prefix,
            gateway: gateway.map(|gateway| gateway.parse().unwrap()),
        }
    }

    #[test]
    fn we_are_the_gateway() {
        let nodes = [interface("192.168.0.50", 24, Some("192.168.0.1"))];
        assert_eq!(host_address(&nodes).to_string(), "192.168.0.1");
    }

    #[test]
    fn without_a_gateway_we_take_a_free_address() {
        let nodes = ["10.0.0.1", "10.0.0.2"].map(|address| interface(address, 8, None));
        assert_eq!(host_address(&nodes).to_string(), "10.0.0.3");
        let nodes = [interface("fd00::1", 64, Some("fe80::1"))];
        assert_eq!(host_address(&nodes).to_string(), "fd00::2");
    }

    #[test]
    fn no_two_nodes_share_a_hardware_address() {
        assert_eq!(mac(0), "b8:27:eb:00:00:00");
        assert_ne!(mac(1), mac(257));
    }
}
