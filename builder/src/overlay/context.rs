//! The values that templates may refer to: the node, its cluster and the build time. An unknown name is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};
use ipnet::IpNet;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use super::copies;
use super::inputs::NodeInputs;
use super::interfaces;
use super::paths::Paths;
use crate::description;
use crate::inspect::System;
use crate::recipe::Grade;
use crate::snapshot::Snapshot;
use crate::spec::{
    self, Advertise, Allowed, Auth, BackupPlace, BackupSettings, Cluster, ConfigForm, DATA_START,
    Data, Node, Protocol, Wifi, WifiNetwork,
};

/// Returns the values of one node by the names that templates use.
pub(super) fn values(inputs: &NodeInputs<'_>, node: &Node) -> Result<Value> {
    let (cluster, network, ssh) = (inputs.cluster, &inputs.cluster.network, &inputs.cluster.ssh);
    let machine_id = &inputs.identity(node)?.machine_id;
    let members = cluster
        .nodes
        .iter()
        .map(|node| member_values(cluster, node));
    let hosts = cluster.hosts.iter();
    let hosts = hosts.map(|line| json!({ "address": line.address, "names": line.names }));
    Ok(json!({
        "cluster": {
            "name": cluster.name,
            "domain": cluster.domain,
            "token": inputs.certs.token,
        },
        "node": member_values(cluster, node),
        "nodes": members.collect::<Vec<_>>(),
        "hosts": hosts.collect::<Vec<_>>(),
        "network": {
            "interface": network.interface_name(),
            // Whether the user named the interface; otherwise a profile may match other names.
            "interface_written": network.interface.is_some(),
            "prefix": network.prefix,
            "gateway": network.gateway,
            "dhcp": network.dhcp,
            "dns": network.dns,
            "search": network.search,
            "on_link": network.on_link,
            "routes": network.routes.iter().map(interfaces::route).collect::<Vec<_>>(),
            "mtu": network.mtu,
            "wifi": network.wifi.as_ref().map(|wifi| self::wifi(wifi, machine_id)),
            // Further networks, and the physical interfaces that only carry VLANs.
            "interfaces": interfaces::further(cluster, node, |number| uuid_from(machine_id, number)),
            "carriers": interfaces::carriers(network),
            // Whether the firewall must admit answers of DHCP servers.
            "hears_dhcp": network.dhcp || network.interfaces.iter().any(|it| it.addresses.is_empty()),
        },
        "ipv6": node.address.is_ipv6(),
        "ssh": {
            "user": ssh.user,
            "authorized_keys": ssh.authorized_keys,
            "trusted_user_ca": ssh.trusted_user_ca,
            // The user of etcd for whom the login user has a client certificate.
            "etcdctl": ssh.etcdctl,
        },
        "timezone": cluster.system.timezone,
        "locale": cluster.system.locale,
        "keyboard": cluster.system.keyboard,
        "ntp": cluster.system.ntp,
        "etcd": etcd(inputs, node)?,
        "auth": auth(&cluster.auth),
        "backup": cluster.backup.as_ref().map(backup),
        "paths": Paths::of(inputs.system, cluster, &node.name),
        // The other places of this node's certificates, which `cluster renew` updates on a running node.
        "copies": copies::copies(inputs, node),
        // Where else the certificates of CAs are.
        "authorities": copies::authorities(inputs, node),
        "refresh": refresh(cluster, node),
        // Whether the kernel command line configures cloud-init, because snapd drops its settings next to a signed model.
        "core_signed": *inputs.system == System::Seed(Grade::Signed),
        // Version of the base's systemd.
        "systemd": inputs.recipe.systemd,
        "appliance": appliance(inputs, cluster.etcd.client_http_port),
        "time": time(inputs.certs.time)?,
        "machine_id": machine_id,
        "connection_uuid": uuid_from(machine_id, 1),
    }))
}

fn member_values(cluster: &Cluster, node: &Node) -> Value {
    let described = description::MemberUrls::of(cluster, node);
    json!({
        "name": node.name,
        "fqdn": cluster.full_name(&node.name),
        "address": node.address,
        "previous": node.previous_address.map(|address| previous(cluster, address)),
        "client_url": described.client_url,
        "peer_url": described.peer_url,
        "metrics_url": description::MemberUrls::by_address(cluster, node).metrics_url(),
        // The node's user for etcd, by its certificate for clients.
        "user": cluster.pki.common_names.server(&node.name, &cluster.domain),
        // Name of the member that this one replaces, or empty.
        "replaces": node.replaces.as_deref().unwrap_or_default(),
    })
}

/// Returns the address before a move, which the node keeps for a while.
fn previous(cluster: &Cluster, previous: IpNet) -> Value {
    let (scheme, host) = (
        description::scheme(cluster),
        description::host(previous.addr()),
    );
    json!({
        "address": previous.to_string(),
        "ipv6": previous.addr().is_ipv6(),
        "peer_url": format!("{scheme}://{host}:2380"),
    })
}

/// Returns the networks of a node. They have profiles of their own, of which the second and later ones are numbered.
fn wifi(wifi: &Wifi, machine_id: &str) -> Value {
    let networks = (1..).zip(&wifi.networks);
    let networks = networks.map(|(number, network)| wifi_network(number, network, machine_id));
    let networks: Vec<_> = networks.collect();
    json!({
        "country": wifi.country,
        "networks": networks,
        "access_points": access_points(wifi).to_string(),
    })
}

/// Returns the networks as netplan names them, in JSON, which is valid YAML.
fn access_points(wifi: &Wifi) -> Value {
    let point = |network: &WifiNetwork| {
        let password = network.password.as_ref();
        let password = password.map(|it| String::from_utf8_lossy(it.reveal()).into_owned());
        let mut point = match (password, network.wpa3) {
            (None, _) => json!({}),
            (Some(password), false) => json!({ "password": password }),
            (Some(password), true) => {
                json!({ "auth": { "key-management": "sae", "password": password } })
            }
        };
        if network.hidden {
            point["hidden"] = true.into();
        }
        (network.ssid.clone(), point)
    };
    wifi.networks.iter().map(point).collect()
}

fn wifi_network(number: u32, network: &WifiNetwork, machine_id: &str) -> Value {
    /// The priority of `NetworkManager`'s profile for the preferred network, above those of profiles that it makes itself.
    const HIGHEST: u32 = 100;
    let bytes = network.ssid.bytes().map(|byte| format!("{byte};"));
    json!({
        "suffix": if number == 1 { String::new() } else { format!("-{number}") },
        "uuid": uuid_from(machine_id, number),
        "priority": HIGHEST.saturating_sub(number - 1),
        // The name as a list of byte values, which needs no escapes (nm-settings-keyfile(5)).
        "ssid_bytes": bytes.collect::<String>(),
        "psk": network.password.as_ref().map(|password| {
            keyfile_escaped(&String::from_utf8_lossy(password.reveal()))
        }),
        "hidden": network.hidden,
        "wpa3": network.wpa3,
    })
}

/// Returns when snapd may refresh a node. Each node has its own weekday; after seven, days repeat at other hours.
fn refresh(cluster: &Cluster, node: &Node) -> Value {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let mut members = cluster.nodes.iter();
    let place = members.position(|other| other.name == node.name);
    let place = place.unwrap_or_default();
    let (day, hour) = (place % DAYS.len(), place / DAYS.len() % 12 * 2);
    json!({
        // The time in the format of snapd's `refresh.timer`.
        "timer": format!("{},{hour:02}:00-{:02}:00", DAYS[day], hour + 1),
        // The weekday; Monday is 0.
        "day": day,
    })
}

/// Returns the hosts of the URLs at which etcd listens: for clients, then for members.
fn listen_hosts(cluster: &Cluster, node: &Node) -> Value {
    if let Some(all) = cluster.etcd.listen {
        let all = description::host(all);
        return json!({ "clients": [all], "members": [all] });
    }
    let previous = node.previous_address.map(|previous| previous.addr());
    let own = [node.address].into_iter().chain(previous);
    let members: Vec<String> = own.map(description::host).collect();
    let mut clients = members.clone();
    clients.push(description::host(Ipv4Addr::LOCALHOST.into()));
    json!({ "clients": clients, "members": members })
}

fn etcd(inputs: &NodeInputs<'_>, node: &Node) -> Result<Value> {
    let etcd = &inputs.cluster.etcd;
    let extra = etcd.extra.iter().map(yaml);
    let variables = etcd
        .extra
        .iter()
        .filter(|_| etcd.config == ConfigForm::Environment);
    let variables = variables.map(|(key, value)| spec::variable(key, value));
    Ok(json!({
        "heartbeat_interval": etcd.heartbeat_interval,
        "election_timeout": etcd.election_timeout,
        "quota": etcd.quota,
        // `https`, or `http` for an insecure cluster.
        "scheme": description::scheme(inputs.cluster),
        "insecure": etcd.insecure,
        "advertises_names": etcd.advertise == Advertise::Name,
        // Hosts of the URLs at which etcd listens, and the port for HTTP alone.
        "listen": listen_hosts(inputs.cluster, node),
        "client_http_port": etcd.client_http_port,
        // `file` or `env`.
        "config": match etcd.config {
            ConfigForm::File => "file",
            ConfigForm::Environment => "env",
        },
        "metrics": etcd.metrics,
        "has_etcdutl": inputs.etcd.etcdutl.is_some(),
        // The digits by which nodes recognize the snapshot with which a new cluster begins, or empty.
        "snapshot": inputs.snapshot.map_or("", Snapshot::id),
        "unsupported_arch": inputs.etcd.needs_unsupported_arch(),
        "check": initial_check(inputs),
        // The names of variables, sorted, with their values in apostrophes.
        "extra_variables": variables.collect::<Result<BTreeMap<_, _>, _>>().map_err(anyhow::Error::msg)?,
        // YAML values by key, written as JSON, which is valid YAML.
        "extra": extra.collect::<Result<BTreeMap<_, _>>>()?,
    }))
}

/// Returns the setting of etcd's initial check, also as a variable, and null if `[etcd.extra]` has it.
fn initial_check(inputs: &NodeInputs<'_>) -> Value {
    let (key, value) = inputs.etcd.initial_check();
    let extra = &inputs.cluster.etcd.extra;
    if [key, "experimental-initial-corrupt-check"]
        .into_iter()
        .any(|key| extra.iter().any(|(known, _)| known == key))
    {
        return Value::Null;
    }
    let variable = format!("ETCD_{}", key.to_uppercase().replace('-', "_"));
    json!({ "key": key, "value": value, "variable": variable, "off": value.replace("true", "false") })
}

fn auth(auth: &Auth) -> Value {
    let users = auth.users.iter();
    let users = users.map(|user| json!({ "name": user.name, "roles": user.roles }));
    let roles = auth.roles.iter();
    let roles =
        roles.map(|role| json!({ "name": role.name, "read": role.read, "write": role.write }));
    json!({
        "enabled": auth.enabled,
        "users": users.collect::<Vec<_>>(),
        "roles": roles.collect::<Vec<_>>(),
    })
}

fn backup(backup: &BackupSettings) -> Value {
    json!({
        "times": backup.times,
        // Minutes by which a timer may be late, so that two members never start at the same moment.
        "jitter": backup.minutes / 10,
        "keep": backup.keep,
        "host_key": backup.host_key,
        "ssh": match &backup.to {
            BackupPlace::Ssh { user, host, port, path } => {
                Some(json!({ "user": user, "host": host, "port": port, "path": path }))
            }
            BackupPlace::Data | BackupPlace::S3 { .. } => None,
        },
        "s3": match &backup.to {
            BackupPlace::S3 { host, region, bucket, folder } => {
                Some(json!({ "host": host, "region": region, "bucket": bucket, "folder": folder }))
            }
            BackupPlace::Data | BackupPlace::Ssh { .. } => None,
        },
    })
}

fn appliance(inputs: &NodeInputs<'_>, client_http_port: Option<u16>) -> Value {
    let appliance = inputs.appliance();
    let in_root = matches!(inputs.system, System::Root(_));
    let ports: BTreeSet<_> = appliance
        .ports
        .iter()
        .copied()
        .chain(client_http_port)
        .collect();
    json!({
        "read_only": appliance.read_only,
        // Whether the root grows to the size of the card. Ubuntu Core grows by itself.
        "grows_root": in_root && !appliance.read_only,
        // Whether the data has its own partition or disk.
        "mounts_data": appliance.read_only || appliance.data != Data::Card,
        // `card`, or the path of a disk.
        "data_place": match &appliance.data {
            Data::Card => "card",
            Data::Disk(path) => path,
        },
        // First sector of the data on a card.
        "data_start": DATA_START / 512,
        "wipe_data": appliance.wipe_data,
        "watchdog": appliance.watchdog,
        "ports": ports,
        "allow": appliance.allow.iter().map(allowed).collect::<Vec<_>>(),
        "avahi": appliance.avahi,
    })
}

/// Returns a port in the words of nftables.
fn allowed(rule: &Allowed) -> Value {
    json!({
        "port": rule.port,
        "protocol": match rule.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        },
        "from": rule.from.map(|from| from.to_string()),
        "family": rule.from.map(|from| if from.addr().is_ipv4() { "ip" } else { "ip6" }),
    })
}

fn time(unix: i64) -> Result<Value> {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    let time = OffsetDateTime::from_unix_timestamp(unix).context("reading the build time")?;
    Ok(json!({
        // Seconds since 1970.
        "unix": unix,
        "fake_hwclock": time.format(format).context("writing the build time")?,
    }))
}

fn yaml((key, value): &(String, toml::Value)) -> Result<(String, String)> {
    let value =
        serde_json::to_string(value).with_context(|| format!("writing etcd setting `{key}`"))?;
    Ok((key.clone(), value))
}

/// Escapes a value of a `GLib` key file: backslashes, and a leading space, which would be dropped.
fn keyfile_escaped(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\");
    match escaped.strip_prefix(' ') {
        Some(rest) => format!("\\s{rest}"),
        None => escaped,
    }
}

/// Derives a stable version-8 UUID (RFC 9562) for a connection of `NetworkManager` from the machine id.
fn uuid_from(machine_id: &str, number: u32) -> String {
    let suffix = if number == 1 {
        String::new()
    } else {
        format!("/{number}")
    };
    let digest = Sha256::digest(format!("connection/{machine_id}{suffix}"));
    let bytes = std::array::from_fn(|at| digest[at]);
    let uuid = uuid::Builder::from_custom_bytes(bytes).into_uuid();
    uuid.to_string()
}

#[cfg(test)]
mod tests {
    use super::{keyfile_escaped, uuid_from};

    #[test]
    fn a_passphrase_survives_the_key_file() {
        let escaped = ["correct horse", " blank first", "back\\slash"].map(keyfile_escaped);
        assert_eq!(
            escaped,
            ["correct horse", "\\sblank first", "back\\\\slash"]
        );
    }

    #[test]
    fn connection_uuid_is_stable_and_well_formed() {
        let machine_id = "0123456789abcdef0123456789abcdef";
        let uuid = uuid_from(machine_id, 1);
        assert_eq!(uuid, uuid_from(machine_id, 1));
        assert_ne!(uuid, uuid_from(machine_id, 2));
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'8');
    }
}
