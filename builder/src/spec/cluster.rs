//! The resolved cluster, with every default filled in and every value checked.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;

use super::issuing::{CertificateFile, Pki};
use super::machine::{
    Appliance, Archive, Auth, Board, ExtraFile, Firmware, HostsLine, SystemSettings,
};
use super::system;
use crate::secret::Secret;

/// A valid cluster. Only [`super::resolve`] creates one; later stages read no flags and no configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Short name, used in certificates and reports (`[cluster] name`).
    pub name: String,
    /// DNS domain of the nodes, without a leading dot, or empty (`[cluster] domain`).
    pub domain: String,
    /// Base image of the nodes (`--base`, `[cluster] base`).
    pub base: BaseChoice,
    /// etcd's `initial-cluster-token`, if configured; otherwise the state directory stores one (`pki::Certs`).
    pub token: Option<String>,
    /// Network configuration that all nodes share.
    pub network: Network,
    /// Login user and keys.
    pub ssh: SshSettings,
    /// Time zone and time servers.
    pub system: SystemSettings,
    /// Members in the order of the file; empty only for downloads.
    pub nodes: Vec<Node>,
    /// etcd's version and settings.
    pub etcd: Etcd,
    /// Snapshots that the nodes save by themselves.
    pub backup: Option<BackupSettings>,
    /// Keys and certificates.
    pub pki: Pki,
    /// Certificates that the nodes have besides etcd's own.
    pub certificates: Vec<CertificateFile>,
    /// etcd's authentication.
    pub auth: Auth,
    /// Settings of the firmware and arguments of the kernel.
    pub firmware: Firmware,
    /// Read-only mode, data storage and open ports.
    pub appliance: Appliance,
    /// Extra lines of `/etc/hosts`: address, then names.
    pub hosts: Vec<HostsLine>,
    /// Archives that are unpacked into the nodes.
    pub archives: Vec<Archive>,
    /// Files that the user adds to the nodes.
    pub files: Vec<ExtraFile>,
    /// Debian packages that are installed when the base is made, sorted.
    pub packages: Vec<String>,
    /// Where and how the images are published.
    pub publish: Publish,
    /// Warnings about settings that are valid but questionable, e.g. an even number of members.
    pub warnings: Vec<String>,
}

impl Cluster {
    /// Returns what a base that is made on this machine contains in addition: packages, that of a keyboard layout among them,
    /// and the locale, which is compiled then.
    pub fn additions(&self) -> Vec<String> {
        let mut packages = self.packages.clone();
        let keyboard = system::KEYBOARD_PACKAGE.to_owned();
        if self.system.keyboard.is_some() && !packages.contains(&keyboard) {
            packages.push(keyboard);
            packages.sort_unstable();
        }
        let locale = self.system.locale.iter();
        let compiled = locale.filter(|locale| *locale != system::BUILT_IN);
        packages.extend(compiled.cloned());
        packages
    }

    /// Returns the full name of a host in the domain of the nodes.
    pub fn full_name(&self, host: &str) -> String {
        full_name(host, &self.domain)
    }

    /// Returns the addresses of a node in further networks, in the order of their tables; `None` where DHCP gives it.
    pub fn further_addresses(&self, node: &Node) -> Vec<Option<IpNet>> {
        let mut nodes = self.nodes.iter();
        let place = nodes.position(|other| other.name == node.name);
        let interfaces = self.network.interfaces.iter();
        let address = |interface: &Interface| interface.addresses.get(place?).copied();
        interfaces.map(address).collect()
    }
}

/// Returns the full name of a host in a domain, which may be empty.
pub(super) fn full_name(host: &str, domain: &str) -> String {
    match domain {
        "" => host.to_owned(),
        domain => format!("{host}.{domain}"),
    }
}

/// The source of the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseChoice {
    /// The name of a recipe.
    Recipe(String),
    /// A local image, raw or compressed; its family is detected from its content.
    Image(PathBuf),
}

/// The network of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Interface name on the node, e.g. `end0`, if configured.
    pub interface: Option<String>,
    /// Prefix length in bits: 1–32 for IPv4, 1–128 for IPv6.
    pub prefix: u8,
    /// Default gateway, of the same family as the node addresses; `None` for a network without one.
    pub gateway: Option<IpAddr>,
    /// Whether a DHCP server gives the nodes their addresses, the gateway and the name servers.
    pub dhcp: bool,
    /// Name servers, those of each address family in the order they are tried.
    pub dns: Vec<IpAddr>,
    /// Domains in which short names are looked up.
    pub search: Vec<String>,
    /// Whether the gateway is outside the nodes' network and reached directly.
    pub on_link: bool,
    /// Networks that another router reaches.
    pub routes: Vec<Route>,
    /// Largest packet in bytes, if configured.
    pub mtu: Option<u32>,
    /// Wi-Fi credentials, if the interface is wireless.
    pub wifi: Option<Wifi>,
    /// Further wired networks.
    pub interfaces: Vec<Interface>,
}

impl Network {
    /// Returns the configured interface, or its usual name.
    pub fn interface_name(&self) -> &str {
        let usual = if self.wifi.is_some() { "wlan0" } else { "eth0" };
        self.interface.as_deref().unwrap_or(usual)
    }
}

/// A further interface of every node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Name of the physical interface.
    pub name: String,
    /// Number of the VLAN on it, if only that is used.
    pub vlan: Option<u32>,
    /// The addresses of the nodes in their order; empty with DHCP.
    pub addresses: Vec<IpNet>,
    /// Whether the gateway and the name servers of the DHCP server are used.
    pub default_route: bool,
    /// Networks that a router of this network reaches.
    pub routes: Vec<Route>,
    /// Largest packet in bytes, if configured.
    pub mtu: Option<u32>,
}

impl Interface {
    /// Returns the name of the interface that has the address: at most 15 characters, as the kernel demands.
    pub fn device(&self) -> String {
        match self.vlan {
            Some(number) => format!("{}.{number}", self.name),
            None => self.name.clone(),
        }
    }
}

/// A network and the router that reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The network.
    pub to: IpNet,
    /// The router.
    pub via: IpAddr,
}

/// The wireless networks of the nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Wifi {
    /// ISO 3166-1 alpha-2 country code in upper case, which the radio requires.
    pub country: String,
    /// The networks, at least one, the preferred one first.
    pub networks: Vec<WifiNetwork>,
}

/// A wireless network.
#[derive(Clone, Debug, PartialEq)]
pub struct WifiNetwork {
    /// Network name, 1–32 bytes.
    pub ssid: String,
    /// Passphrase (8–63 characters) or 64 hexadecimal digits; `None` for an open network.
    pub password: Option<Secret>,
    /// Whether the network does not announce its name.
    pub hidden: bool,
    /// Whether the network accepts WPA3 only.
    pub wpa3: bool,
}

/// Access to the nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct SshSettings {
    /// Login user with UID 1000, created or renamed from the base's user.
    pub user: String,
    /// Public keys in `authorized_keys` format, one per entry; empty only with a user CA, or for downloads.
    pub authorized_keys: Vec<String>,
    /// Public keys of a user CA (`TrustedUserCAKeys`), one per entry.
    pub trusted_user_ca: Vec<String>,
    /// Further groups of the user, which the base must have.
    pub groups: Vec<String>,
    /// etcd's user as which the login user runs etcdctl: the common name of its client certificate.
    pub etcdctl: Option<&'static str>,
    /// A crypt(3) hash (`$6$…`, `$y$…`) for console login; SSH never accepts a password.
    pub password_hash: Option<Secret>,
}

/// A member of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Host name, member name and image name.
    pub name: String,
    /// Static address.
    pub address: IpAddr,
    /// Address before a move, with its prefix length, which the node keeps until all members know the new one.
    pub previous_address: Option<IpNet>,
    /// Board, which selects `firmware/` edits and must be able to boot the base; `None` for any.
    pub board: Option<Board>,
    /// Former member that this node replaces, which is no longer in the file.
    pub replaces: Option<String>,
}

/// etcd's binaries and settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Etcd {
    /// Source of the binaries (`--etcd`).
    pub source: EtcdSource,
    /// Whether neither the file nor an option names the source, so that it is the program's default.
    pub is_default: bool,
    /// `heartbeat-interval` in milliseconds.
    pub heartbeat_interval: u32,
    /// `election-timeout` in milliseconds, at least five times the heartbeat, at most 50 000.
    pub election_timeout: u32,
    /// `quota-backend-bytes`.
    pub quota: u64,
    /// How URLs name a member.
    pub advertise: Advertise,
    /// The address at which etcd listens, which stands for all addresses of the machine; `None` for the node's own.
    pub listen: Option<IpAddr>,
    /// Port for HTTP alone; `None` if port 2379 serves everything.
    pub client_http_port: Option<u16>,
    /// Absolute path of the directory of the data.
    pub data_dir: String,
    /// Whether clients and members use plain HTTP, without certificates.
    pub insecure: bool,
    /// Form of the configuration on the node.
    pub config: ConfigForm,
    /// Whether other machines may read the metrics, with a certificate of the CA.
    pub metrics: bool,
    /// Extra keys of `etcd.conf.yml`, without those that this program sets itself.
    pub extra: Vec<(String, toml::Value)>,
}

/// How URLs name a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advertise {
    /// By its address.
    Address,
    /// By its full name.
    Name,
}

/// The form of etcd's configuration on a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigForm {
    /// A file in YAML.
    File,
    /// Environment variables.
    Environment,
}

/// Publication of the images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Publish {
    /// Address of the directory in which others find the images, if configured.
    pub url: Option<String>,
    /// SSH key that signs the digests, if configured. It may begin with `~/`.
    pub sign: Option<PathBuf>,
}

/// The snapshots that the nodes save by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSettings {
    /// Minutes between two of them.
    pub minutes: u32,
    /// Their times, in the format of systemd's `OnCalendar`.
    pub times: &'static str,
    /// How many are kept.
    pub keep: u32,
    /// Where they go.
    pub to: BackupPlace,
    /// The public host key of the other host.
    pub host_key: Option<String>,
}

/// Where snapshots go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackupPlace {
    /// The data partition of the member that saves it.
    Data,
    /// A directory of another host.
    Ssh {
        /// Login user.
        user: String,
        /// Name or address, without brackets.
        host: String,
        /// TCP port.
        port: u16,
        /// Absolute path of the directory.
        path: String,
    },
    /// A bucket of S3, or of another server with its protocol.
    S3 {
        /// Name or address of the server, with its port if it is another one.
        host: String,
        /// Region of the bucket.
        region: String,
        /// Name of the bucket.
        bucket: String,
        /// The beginning of the objects' names: empty, or with a slash at its end.
        folder: String,
    },
}

/// The source of etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EtcdSource {
    /// A release, without the `v`, e.g. `3.6.14`.
    Version(String),
    /// Debian's packages: those of the `debian-trixie` base if the cache has it, otherwise downloaded alone.
    Debian,
    /// A directory, or archives (a release tarball, Debian packages) that together contain the programs.
    Paths(Vec<PathBuf>),
}
