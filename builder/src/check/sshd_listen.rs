//! Whether sshd listens where the owner of the node reaches it (`ListenAddress` and `AddressFamily` of `sshd_config(5)`).

use std::net::IpAddr;

use anyhow::Result;

use super::sshd_config::SshdConfig;
use super::system::NodeSystem;
use super::tree::Tree;
use super::unit::{Unit, drop_ins, find};

/// The addresses that stand for all of a node.
const ANY: [&str; 3] = ["*", "0.0.0.0", "::"];

/// The profiles of `NetworkManager`.
const PROFILES: &str = "/etc/NetworkManager/system-connections";

/// Checks the addresses of sshd. One that a socket of systemd starts has its addresses from there.
pub(super) fn check(
    config: &SshdConfig,
    by_socket: bool,
    system: &mut NodeSystem<'_>,
) -> Result<()> {
    if !by_socket {
        check_family(config, system)?;
    }
    let lines = config.all("ListenAddress");
    let hosts: Vec<&str> = lines
        .filter_map(|values| values.first())
        .map(|address| host(address))
        .collect();
    if hosts.is_empty() || hosts.iter().any(|host| ANY.contains(host)) {
        return Ok(());
    }
    let others: Vec<&str> = hosts
        .into_iter()
        .filter(|host| !is_loopback(host))
        .collect();
    if others.is_empty() {
        system.add("sshd listens for the node itself only (ListenAddress)");
    } else if !by_socket && !waits_for_network(&mut system.root)? && !binds_early(&mut system.root)?
    {
        system.add(format!(
            "sshd starts before the node has {}, and ends (ListenAddress): \
             remove the line, or let ssh.service start after network-online.target",
            others.join(", ")
        ));
    }
    Ok(())
}

/// Checks that sshd does not need IPv4 where every profile switches it off, as that of a node with an IPv6 address does.
fn check_family(config: &SshdConfig, system: &mut NodeSystem<'_>) -> Result<()> {
    if config.word("AddressFamily").as_deref() != Some("inet") {
        return Ok(());
    }
    let mut profiles = Vec::new();
    for name in system.root.names(PROFILES)? {
        let text = system.root.text(&format!("{PROFILES}/{name}"))?;
        profiles.push(text.unwrap_or_default());
    }
    let is_off = |profile: &String| profile.contains("[ipv4]\nmethod=disabled");
    if !profiles.is_empty() && profiles.iter().all(is_off) {
        system.add("sshd listens at IPv4 addresses only, and the node has none (AddressFamily)");
    }
    Ok(())
}

/// Returns the host of an address with or without a port, such as `[::1]:22`.
fn host(address: &str) -> &str {
    if let Some(rest) = address.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    match address.split_once(':') {
        Some((host, port)) if !port.contains(':') => host,
        _ => address,
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// Returns whether sshd starts only after the network has its addresses, or systemd starts it again after it could not use one.
fn waits_for_network(root: &mut Tree<'_>) -> Result<bool> {
    let text = unit_text(root)?;
    let is_repeated = |line: &str| line.trim() == "RestartPreventExitStatus=";
    Ok(text.contains("network-online.target") || text.lines().any(is_repeated))
}

/// Returns the text of the unit that starts sshd, with its drop-ins.
pub(super) fn unit_text(root: &mut Tree<'_>) -> Result<String> {
    let mut text = match find("ssh.service", root)? {
        Unit::Found { text, .. } => text,
        Unit::Missing | Unit::Masked(_) => String::new(),
    };
    // The second one is another name of the first.
    for name in ["ssh.service", "sshd.service"] {
        for path in drop_ins(name, root)? {
            text.push('\n');
            text.push_str(&root.text(&path)?.unwrap_or_default());
        }
    }
    Ok(text)
}

/// Returns whether sysctl.d(5) lets programs use addresses that the node does not have yet.
fn binds_early(root: &mut Tree<'_>) -> Result<bool> {
    let allows = |line: &str| {
        line.contains("ip_nonlocal_bind") && !line.trim_start().starts_with(['#', ';'])
    };
    let files = root.configuration("sysctl.d", ".conf")?;
    Ok(files.iter().any(|(_, text)| text.lines().any(allows)))
}

#[cfg(test)]
mod tests {
    use super::{host, is_loopback};

    #[test]
    fn a_host_stands_before_its_port() {
        for (address, expected) in [
            ("0.0.0.0", "0.0.0.0"),
            ("0.0.0.0:22", "0.0.0.0"),
            ("::", "::"),
            ("[::]:22", "::"),
            ("fd00::50", "fd00::50"),
            ("*", "*"),
        ] {
            assert_eq!(host(address), expected, "{address}");
        }
        for (address, expected) in [("127.0.0.2", true), ("::1", true), ("10.0.0.1", false)] {
            assert_eq!(is_loopback(address), expected, "{address}");
        }
    }
}
