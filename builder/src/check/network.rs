//! Checks that a program gives the node its address, and that it reads the node's settings.

use anyhow::Result;

use super::system::NodeSystem;
use super::{managed, other_networks, units};
use crate::description::FileRole;
use crate::inspect::Volume;
use crate::spec::rules;

const NETWORK_MANAGER: &str = "NetworkManager.service";
const NETWORKD: &str = "systemd-networkd.service";
/// The program that lets systemd start cloud-init at boot.
const CLOUD_INIT_GENERATOR: &str = "/usr/lib/systemd/system-generators/cloud-init-generator";
/// The units that run cloud-init, of which each release has some.
const CLOUD_INIT_UNITS: [&str; 3] = [
    "cloud-init.target",
    "cloud-init-local.service",
    "cloud-init-main.service",
];
/// The file that disables cloud-init.
const CLOUD_INIT_OFF: &str = "/etc/cloud/cloud-init.disabled";

pub(super) fn check(system: &mut NodeSystem<'_>) -> Result<()> {
    let node = system.node;
    let networkd =
        |path: &str| path.starts_with("/etc/systemd/network/") && path.ends_with(".network");
    match node.file(FileRole::Network) {
        Some(file) if file.partition == Volume::Boot => {
            units::startable(NETWORKD, system)?;
            check_cloud_init(system)
        }
        Some(_) => {
            check_no_cloud_init(system)?;
            units::started(NETWORK_MANAGER, system)?;
            // iwd may take its place.
            if node.network.wifi && !units::is_enabled("iwd.service", &mut system.root)? {
                units::unmasked("wpa_supplicant.service", system)?;
            }
            let files = node.files.iter();
            for file in files.filter(|file| file.role == Some(FileRole::Network)) {
                check_profile(&file.path, system)?;
            }
            Ok(())
        }
        None if node.files.iter().any(|file| networkd(&file.path)) => {
            units::started(NETWORKD, system)
        }
        None => Ok(()),
    }
}

/// Checks that `NetworkManager` accepts the node's connection profile.
fn check_profile(path: &str, system: &mut NodeSystem<'_>) -> Result<()> {
    let Some((_, found)) = system.root.resolve(path)? else {
        system.add(format!("{path}, which sets the node's address, is missing"));
        return Ok(());
    };
    let is_private = found.mode & 0o7077 == 0 && found.uid == 0;
    system.expect(
        is_private,
        format!("NetworkManager ignores {path}: only root may read it"),
    );
    let profile = system.root.text(path)?.unwrap_or_default();
    let interface = interface_of(&profile);
    let addresses = profile
        .lines()
        .filter_map(|line| line.strip_prefix("address")?.split_once('='));
    for (_, address) in addresses {
        let host = address.split(['/', ',']).next().unwrap_or_default();
        system.expect(
            rules::is_address(host.trim()),
            format!("{path} gives the node the address {host}, which no host can have"),
        );
    }
    let servers = profile.lines().filter_map(|line| line.strip_prefix("dns="));
    let servers = servers.flat_map(|list| list.split(';')).map(str::trim);
    for server in servers.filter(|server| !server.is_empty()) {
        system.expect(
            rules::is_name_server(server),
            format!("{path} gives the node the name server {server}, which no host can have"),
        );
    }
    if let Some(interface) = interface {
        system.expect(
            rules::is_interface(interface),
            format!("{path} is for the interface {interface}, which nothing creates on the node"),
        );
        check_ifupdown(interface, system)?;
        check_unmanaged(interface, system)?;
        other_networks::check(interface, system)?;
    }
    Ok(())
}

/// Returns the interface of a connection profile that must exist: `NetworkManager` makes that of a VLAN, not the one below it.
pub(super) fn interface_of(profile: &str) -> Option<&str> {
    let named = |key: &str| profile.lines().find_map(|line| line.strip_prefix(key));
    let interface = named("parent=").or_else(|| named("interface-name="));
    interface.map(str::trim)
}

/// Reports interfaces(5) that takes the interface away from `NetworkManager`.
fn check_ifupdown(interface: &str, system: &mut NodeSystem<'_>) -> Result<()> {
    let mut paths = vec!["/etc/network/interfaces".to_owned()];
    for name in system.root.names("/etc/network/interfaces.d")? {
        paths.push(format!("/etc/network/interfaces.d/{name}"));
    }
    for path in paths {
        let text = system.root.text(&path)?.unwrap_or_default();
        let takes = |line: &str| {
            let mut words = line.split_whitespace();
            words.next() == Some("iface") && words.next() == Some(interface)
        };
        system.expect(
            !text.lines().any(takes),
            format!("{path} configures {interface}, which NetworkManager then ignores"),
        );
    }
    Ok(())
}

/// Reports settings of `NetworkManager` that exclude the interface.
fn check_unmanaged(interface: &str, system: &mut NodeSystem<'_>) -> Result<()> {
    let [base, own] = [
        "/usr/lib/NetworkManager/conf.d",
        "/etc/NetworkManager/conf.d",
    ];
    let owned = system.root.names(own)?;
    let is_read = |name: &String| name.strip_suffix(".conf").is_some();
    // A file of /etc hides one of the same name.
    let names = system.root.names(base)?.into_iter();
    let names = names.filter(|name| is_read(name) && !owned.contains(name));
    let mut paths: Vec<_> = names.map(|name| format!("{base}/{name}")).collect();
    paths.push("/etc/NetworkManager/NetworkManager.conf".to_owned());
    let names = owned.iter().filter(|name| is_read(name));
    paths.extend(names.map(|name| format!("{own}/{name}")));
    let mut files = Vec::new();
    for path in paths {
        let text = system.root.text(&path)?.unwrap_or_default();
        files.push((path, text));
    }
    if let Some((path, setting)) = managed::exclusion(&files, interface) {
        system.add(format!(
            "{path} excludes {interface} from NetworkManager ({setting})"
        ));
    }
    Ok(())
}

/// Checks that cloud-init is disabled on a node whose settings are not in a seed.
fn check_no_cloud_init(system: &mut NodeSystem<'_>) -> Result<()> {
    let may_run =
        system.root.is_program(CLOUD_INIT_GENERATOR)? && !system.root.exists(CLOUD_INIT_OFF)?;
    system.expect(
        !may_run,
        format!("{CLOUD_INIT_OFF} is missing: cloud-init would change the name, the users and the network of the node"),
    );
    Ok(())
}

/// Checks that cloud-init runs and passes the seed's address on.
fn check_cloud_init(system: &mut NodeSystem<'_>) -> Result<()> {
    let is_off = system.root.exists(CLOUD_INIT_OFF)?;
    system.expect(
        !is_off,
        format!("{CLOUD_INIT_OFF} exists: cloud-init would not set the node's address"),
    );
    for name in CLOUD_INIT_UNITS {
        units::unmasked(name, system)?;
    }
    for program in ["/usr/bin/cloud-init", "/usr/sbin/netplan"] {
        let is_there = system.root.is_program(program)?;
        system.expect(
            is_there,
            format!("{program}, which sets the node's address, is not a program"),
        );
    }
    for name in system.root.names("/etc/cloud/cloud.cfg.d")? {
        let path = format!("/etc/cloud/cloud.cfg.d/{name}");
        let text = if name.strip_suffix(".cfg").is_some() {
            system.root.text(&path)?
        } else {
            None
        };
        let plain: String = text.unwrap_or_default().split_whitespace().collect();
        let is_off = ["network:{config:disabled}", "network:config:disabled"]
            .iter()
            .any(|it| plain.contains(it));
        system.expect(
            !is_off,
            format!("{path} disables cloud-init's network settings, which hold the node's address"),
        );
    }
    Ok(())
}
