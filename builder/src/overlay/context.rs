//! The values that templates may refer to: the node, its cluster and the build time. An unknown name is an error.

use std::collections::BTreeMap;
use std::net::IpAddr;

use anyhow::{Context as _, Result};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use super::inputs::Inputs;
use super::paths::Paths;
use crate::description;
use crate::hex;
use crate::inspect::System;
use crate::recipe::Grade;
use crate::spec::{Appliance, Cluster, DATA_START, Data, Node, Wifi};

/// The values by the names that templates use.
#[derive(Serialize)]
pub(super) struct Values {
    cluster: ClusterValues,
    node: Member,
    nodes: Vec<Member>,
    hosts: Vec<HostsValues>,
    network: NetworkValues,
    ipv6: bool,
    ssh: SshValues,
    etcd: EtcdValues,
    paths: Paths,
    refresh: RefreshValues,
    /// Whether the kernel command line configures cloud-init, because snapd drops its settings next to a signed model.
    core_signed: bool,
    /// Version of the base's systemd.
    systemd: u32,
    appliance: ApplianceValues,
    time: TimeValues,
    machine_id: String,
    connection_uuid: String,
}

#[derive(Serialize)]
struct ClusterValues {
    name: String,
    domain: String,
    token: String,
}

#[derive(Serialize)]
struct Member {
    name: String,
    fqdn: String,
    address: IpAddr,
    client_url: String,
    peer_url: String,
    /// Name of the member that this one replaces, or empty.
    replaces: String,
}

#[derive(Serialize)]
struct HostsValues {
    address: IpAddr,
    names: Vec<String>,
}

#[derive(Serialize)]
struct NetworkValues {
    interface: String,
    /// Whether the user named the interface; otherwise a profile may match other names.
    interface_written: bool,
    prefix: u8,
    gateway: Option<IpAddr>,
    dns: Vec<IpAddr>,
    wifi: Option<WifiValues>,
}

#[derive(Serialize)]
struct WifiValues {
    /// The name as a list of byte values, which needs no escapes (nm-settings-keyfile(5)).
    ssid_bytes: String,
    /// The passphrase, escaped for a key file.
    psk: String,
    country: String,
}

#[derive(Serialize)]
struct SshValues {
    user: String,
    authorized_keys: Vec<String>,
    trusted_user_ca: Vec<String>,
}

/// The time at which snapd may refresh a node. Each node has its own weekday; after seven, days repeat at other hours.
#[derive(Serialize)]
struct RefreshValues {
    /// The time in the format of snapd's `refresh.timer`.
    timer: String,
    /// The weekday; Monday is 0.
    day: usize,
}

#[derive(Serialize)]
struct EtcdValues {
    heartbeat_interval: u32,
    election_timeout: u32,
    quota: u64,
    has_etcdutl: bool,
    unsupported_arch: bool,
    /// YAML values by key, written as JSON, which is valid YAML.
    extra: BTreeMap<String, String>,
}

#[derive(Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "names for templates, not a state"
)]
struct ApplianceValues {
    read_only: bool,
    /// Whether the data has its own partition or disk.
    mounts_data: bool,
    /// `card`, or the path of a disk.
    data_place: String,
    /// First sector of the data on a card.
    data_start: u64,
    wipe_data: bool,
    watchdog: u32,
    ports: Vec<u16>,
    avahi: bool,
}

#[derive(Serialize)]
struct TimeValues {
    /// Seconds since 1970.
    unix: i64,
    fake_hwclock: String,
}

impl Values {
    pub(super) fn new(inputs: &Inputs<'_>, node: &Node) -> Result<Self> {
        let cluster = inputs.cluster;
        let identity = inputs.identity(node)?;
        Ok(Self {
            cluster: ClusterValues {
                name: cluster.name.clone(),
                domain: cluster.domain.clone(),
                token: inputs.certs.token.clone(),
            },
            node: Member::new(cluster, node),
            nodes: cluster
                .nodes
                .iter()
                .map(|n| Member::new(cluster, n))
                .collect(),
            hosts: hosts(cluster),
            network: NetworkValues::new(cluster),
            ipv6: node.address.is_ipv6(),
            ssh: SshValues {
                user: cluster.ssh.user.clone(),
                authorized_keys: cluster.ssh.authorized_keys.clone(),
                trusted_user_ca: cluster.ssh.trusted_user_ca.clone(),
            },
            etcd: EtcdValues::new(inputs)?,
            paths: Paths::of(inputs.system),
            refresh: RefreshValues::new(cluster, node),
            core_signed: *inputs.system == System::Seed(Grade::Signed),
            systemd: inputs.recipe.systemd,
            appliance: ApplianceValues::new(&inputs.appliance()),
            time: TimeValues::new(inputs.certs.time)?,
            connection_uuid: uuid_from(&identity.machine_id),
            machine_id: identity.machine_id.clone(),
        })
    }
}

impl Member {
    fn new(cluster: &Cluster, node: &Node) -> Self {
        let described = description::Member::new(&node.name, node.address);
        Self {
            name: described.name,
            fqdn: format!("{}.{}", node.name, cluster.domain),
            address: node.address,
            client_url: described.client_url,
            peer_url: described.peer_url,
            replaces: node.replaces.clone().unwrap_or_default(),
        }
    }
}

impl NetworkValues {
    fn new(cluster: &Cluster) -> Self {
        let network = &cluster.network;
        Self {
            interface: network.interface_name().to_owned(),
            interface_written: network.interface.is_some(),
            prefix: network.prefix,
            gateway: network.gateway,
            dns: network.dns.clone(),
            wifi: network.wifi.as_ref().map(WifiValues::new),
        }
    }
}

impl WifiValues {
    fn new(wifi: &Wifi) -> Self {
        let bytes: Vec<String> = wifi.ssid.bytes().map(|byte| format!("{byte};")).collect();
        Self {
            ssid_bytes: bytes.concat(),
            psk: keyfile_escaped(&String::from_utf8_lossy(wifi.password.reveal())),
            country: wifi.country.clone(),
        }
    }
}

impl RefreshValues {
    fn new(cluster: &Cluster, node: &Node) -> Self {
        const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let mut members = cluster.nodes.iter();
        let place = members.position(|other| other.name == node.name);
        let place = place.unwrap_or_default();
        let (day, hour) = (place % DAYS.len(), place / DAYS.len() % 12 * 2);
        Self {
            timer: format!("{},{hour:02}:00-{:02}:00", DAYS[day], hour + 1),
            day,
        }
    }
}

impl EtcdValues {
    fn new(inputs: &Inputs<'_>) -> Result<Self> {
        let etcd = &inputs.cluster.etcd;
        Ok(Self {
            heartbeat_interval: etcd.heartbeat_interval,
            election_timeout: etcd.election_timeout,
            quota: etcd.quota,
            has_etcdutl: inputs.etcd.etcdutl.is_some(),
            unsupported_arch: inputs.etcd.needs_unsupported_arch(),
            extra: etcd.extra.iter().map(yaml).collect::<Result<_>>()?,
        })
    }
}

impl ApplianceValues {
    fn new(appliance: &Appliance) -> Self {
        Self {
            read_only: appliance.read_only,
            mounts_data: appliance.read_only || appliance.data != Data::Card,
            data_place: match &appliance.data {
                Data::Card => "card".to_owned(),
                Data::Disk(path) => path.clone(),
            },
            data_start: DATA_START / 512,
            wipe_data: appliance.wipe_data,
            watchdog: appliance.watchdog,
            ports: appliance.ports.clone(),
            avahi: appliance.avahi,
        }
    }
}

impl TimeValues {
    fn new(unix: i64) -> Result<Self> {
        let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
        let time = OffsetDateTime::from_unix_timestamp(unix).context("reading the build time")?;
        Ok(Self {
            unix,
            fake_hwclock: time.format(format).context("writing the build time")?,
        })
    }
}

fn hosts(cluster: &Cluster) -> Vec<HostsValues> {
    let line = |line: &crate::spec::HostsLine| HostsValues {
        address: line.address,
        names: line.names.clone(),
    };
    cluster.hosts.iter().map(line).collect()
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

/// Derives a stable version-8 UUID (RFC 9562) for the `NetworkManager` connection from the machine id.
fn uuid_from(machine_id: &str) -> String {
    let digest = Sha256::digest(format!("connection/{machine_id}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(&bytes);
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
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
        let uuid = uuid_from("0123456789abcdef0123456789abcdef");
        assert_eq!(uuid, uuid_from("0123456789abcdef0123456789abcdef"));
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'8');
    }
}
