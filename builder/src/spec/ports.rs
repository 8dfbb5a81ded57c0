//! `ports` and `allow` of `[appliance]`: what the firewall of a node lets in.

use ipnet::IpNet;

use super::complaints::Complaints;
use super::machine::{Allowed, Appliance, Protocol};
use super::subnet;
use super::table::Table;

/// etcd's ports for clients and for members.
const REQUIRED: [u64; 2] = [2379, 2380];

/// Returns the TCP ports that are open to everybody, sorted and without duplicates.
pub(super) fn open(table: &Table, log: &mut Complaints) -> Vec<u16> {
    let ports = table.integers("ports");
    for port in REQUIRED.iter().filter(|port| !ports.value.contains(port)) {
        let message = format!("`ports` must have {port}: without it there is no cluster");
        log.add(ports.place, message);
    }
    let mut open: Vec<_> = ports
        .value
        .into_iter()
        .filter_map(|port| u16::try_from(port).ok())
        .collect();
    open.sort_unstable();
    open.dedup();
    open
}

/// Returns what is open in addition.
pub(super) fn allowed(table: &Table, open: &[u16], log: &mut Complaints) -> Vec<Allowed> {
    let mut allowed = Vec::new();
    for text in table.texts("allow") {
        let Ok(rule) = parse(text.value) else {
            continue;
        };
        if rule.protocol == Protocol::Tcp && open.contains(&rule.port) {
            let message = format!("`ports` already opens TCP port {} to everybody", rule.port);
            log.add(text.place, message);
        }
        allowed.push(rule);
    }
    allowed
}

/// Returns a warning about nodes to which nobody can log in.
pub(super) fn warning(appliance: &Appliance) -> Option<String> {
    let is_ssh = |rule: &Allowed| rule.port == SSH && rule.protocol == Protocol::Tcp;
    let is_open = appliance.ports.contains(&SSH) || appliance.allow.iter().any(is_ssh);
    let closed = "port 22 is closed by `ports` in [appliance]: nobody can log in to the nodes by SSH, and those commands of \
                  `etcd-image cluster` that need a login fail";
    (!is_open).then(|| closed.to_owned())
}

/// The port of sshd.
const SSH: u16 = 22;

/// Checks a text such as `161/udp` or `9100/tcp from 10.0.0.0/8`.
pub(super) fn check(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

fn parse(text: &str) -> Result<Allowed, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (port, from) = match words[..] {
        [port] => (port, None),
        [port, "from", from] => (port, Some(source_network(from)?)),
        _ => return Err(unreadable(text)),
    };
    let (port, protocol) = match port.split_once('/') {
        Some((port, "tcp")) => (port, Protocol::Tcp),
        Some((port, "udp")) => (port, Protocol::Udp),
        _ => return Err(unreadable(text)),
    };
    match port.parse() {
        Ok(port @ 1..) => Ok(Allowed {
            port,
            protocol,
            from,
        }),
        _ => Err(unreadable(text)),
    }
}

/// Returns the network of an address with or without a prefix length.
fn source_network(text: &str) -> Result<IpNet, String> {
    if ["any", "0.0.0.0/0", "::/0"].contains(&text) {
        return Err(format!("`from {text}` means everybody; leave it out"));
    }
    let (host, length) = subnet::with_prefix(text)?;
    Ok(subnet::around(host, length.unwrap_or(128)))
}

fn unreadable(text: &str) -> String {
    format!("`{text}` does not name a port as in \"161/udp\" or \"9100/tcp from 10.0.0.0/8\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_a_protocol_and_perhaps_a_source() {
        let shown = |text| {
            parse(text).map(|it| (it.port, it.protocol, it.from.map(|from| from.to_string())))
        };
        let from = |text: &str| Some(text.to_owned());
        assert_eq!(shown("161/udp"), Ok((161, Protocol::Udp, None)));
        assert_eq!(
            shown("22/tcp from 10.1.2.3/8"),
            Ok((22, Protocol::Tcp, from("10.0.0.0/8")))
        );
        assert_eq!(
            shown("22/tcp from fd00::1"),
            Ok((22, Protocol::Tcp, from("fd00::1/128")))
        );
        for text in [
            "22",
            "0/tcp",
            "65536/udp",
            "ssh/tcp",
            "22/sctp",
            "22/tcp 10.0.0.0/8",
            "",
        ] {
            assert_eq!(check(text), Err(unreadable(text)));
        }
        let everybody = "`from 0.0.0.0/0` means everybody; leave it out";
        assert_eq!(check("9100/tcp from 0.0.0.0/0"), Err(everybody.to_owned()));
        let wrong = "`10.0.0.0/64`: the prefix length must be from 1 to 32";
        assert_eq!(check("22/tcp from 10.0.0.0/64"), Err(wrong.to_owned()));
    }
}
