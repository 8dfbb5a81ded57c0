//! Programs besides `NetworkManager` that a base or the owner of a node sets to configure the node's interface.

use anyhow::Result;
use serde_json::Value;

use super::managed::settings;
use super::system::NodeSystem;
use super::tree::Tree;
use super::units;
use crate::ssh_patterns::is_like;

const NETWORKD: &str = "systemd-networkd.service";

/// The program by which netplan gives interfaces to others at boot.
const NETPLAN: &str = "/usr/lib/systemd/system-generators/netplan";

/// Reports files that let another program configure the interface.
pub(super) fn check(interface: &str, system: &mut NodeSystem<'_>) -> Result<()> {
    if units::is_enabled(NETWORKD, &mut system.root)? {
        let files = system.root.configuration("systemd/network", ".network")?;
        // systemd-networkd uses the first file for an interface.
        let first = files.iter().find(|(_, text)| is_for(text, interface));
        if let Some((path, text)) = first {
            let text = format!("{text}\n{}", drop_ins(path, &mut system.root)?);
            system.expect(
                !configures(&text),
                format!("{path} configures {interface} as well: systemd-networkd is enabled beside NetworkManager"),
            );
        }
    }
    if system.root.exists(NETPLAN)? {
        for (path, text) in system.root.configuration("netplan", ".yaml")? {
            system.expect(
                !gives_away(&text, interface),
                format!("{path} gives {interface} to systemd-networkd, and NetworkManager then ignores it"),
            );
        }
    }
    Ok(())
}

/// Returns whether a file of systemd-networkd names the interface (systemd.network(5)).
fn is_for(text: &str, interface: &str) -> bool {
    let settings = settings(text);
    let mut conditions = settings.iter().filter(|(section, ..)| *section == "Match");
    conditions.any(|(_, key, patterns)| {
        let mut patterns = patterns.split_whitespace();
        *key == "Name" && patterns.any(|pattern| is_like(pattern, interface))
    })
}

/// Returns whether a file of systemd-networkd certainly configures the interfaces that it names. Other conditions are not known to hold.
fn configures(text: &str) -> bool {
    let settings = settings(text);
    let is_open = |(section, key, value): &(&str, &str, &str)| match (*section, *key) {
        ("Match", key) => key != "Name",
        ("Link", "Unmanaged") => {
            ["1", "yes", "y", "true", "t", "on"].contains(&value.to_lowercase().as_str())
        }
        _ => false,
    };
    !settings.iter().any(is_open)
}

/// Returns the text of the files that add to a file of systemd-networkd.
fn drop_ins(path: &str, root: &mut Tree<'_>) -> Result<String> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let files = root.configuration(&format!("systemd/network/{name}.d"), ".conf")?;
    let texts: Vec<String> = files.into_iter().map(|(_, text)| text).collect();
    Ok(texts.join("\n"))
}

/// Returns whether a file of netplan leaves the interface to systemd-networkd.
fn gives_away(text: &str, interface: &str) -> bool {
    let Ok(Value::Object(file)) = serde_saphyr::from_str(text) else {
        return false;
    };
    let Some(network) = file.get("network") else {
        return false;
    };
    let is_networkd = |table: &Value| table.get("renderer").map(|it| it == "networkd");
    let own = network.get("ethernets").and_then(|all| all.get(interface));
    own.is_some_and(|own| is_networkd(own).or_else(|| is_networkd(network)) == Some(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_networkd_names_its_interfaces() {
        for (text, expected) in [
            ("[Match]\nName=eth*\n[Network]\nDHCP=yes\n", true),
            ("[Match]\nName=wlan0 eth0\n", true),
            ("[Match]\nName=host0\n", false),
            ("[Match]\nType=ether\n", false),
            ("[Network]\nName=eth0\n", false),
        ] {
            assert_eq!(is_for(text, "eth0"), expected, "{text}");
        }
    }

    #[test]
    fn a_file_of_networkd_may_leave_the_interface_to_others() {
        for (text, expected) in [
            ("[Match]\nName=eth0\n[Network]\nDHCP=yes\n", true),
            ("[Match]\nName=eth0\n[Link]\nUnmanaged=no\n", true),
            ("[Match]\nName=eth0\n[Link]\nUnmanaged=yes\n", false),
            ("[Match]\nName=eth0\n[Link]\nUnmanaged=True\n", false),
            ("[Match]\nName=*\nKind=bridge\n", false),
        ] {
            assert_eq!(configures(text), expected, "{text}");
        }
    }

    #[test]
    fn netplan_has_a_renderer_for_all_or_for_one() {
        for (text, expected) in [
            (
                "network:\n  renderer: networkd\n  ethernets:\n    eth0:\n      dhcp4: true\n",
                true,
            ),
            (
                "network:\n  ethernets:\n    eth0:\n      renderer: networkd\n",
                true,
            ),
            (
                "network:\n  renderer: networkd\n  ethernets:\n    eth0:\n      renderer: NetworkManager\n",
                false,
            ),
            (
                "network:\n  renderer: networkd\n  ethernets:\n    eth1: {}\n",
                false,
            ),
            ("network:\n  renderer: NetworkManager\n", false),
            ("network:\n", false),
            ("{", false),
        ] {
            assert_eq!(gives_away(text, "eth0"), expected, "{text}");
        }
    }
}
