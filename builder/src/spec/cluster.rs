//! The cluster as meant: every default filled in, every value checked.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;

use crate::secret::Secret;

/// A valid cluster. Built only by [`super::resolve`]; nothing after it reads a flag, a file or the environment.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Short name, used in certificates and reports (`[cluster] name`).
    pub name: String,
    /// DNS domain of the nodes, without a leading dot (`[cluster] domain`).
    pub domain: String,
    /// What the nodes start from (`--base`, `[cluster] base`).
    pub base: Base,
    /// etcd's `initial-cluster-token` if one was chosen; otherwise the state folder keeps one (`pki::Certs`).
    pub token: Option<String>,
    /// Address plan shared by all nodes.
    pub network: Network,
    /// Who may log in, and how.
    pub ssh: Ssh,
    /// The members, in the order of the file; empty only for downloads.
    pub nodes: Vec<Node>,
    /// etcd's version and settings.
    pub etcd: Etcd,
    /// Keys and certificates.
    pub pki: Pki,
    /// What may change on a running node, and what it lets in.
    pub appliance: Appliance,
    /// Extra lines of `/etc/hosts`: address, then names.
    pub hosts: Vec<HostsLine>,
    /// Files the user adds to the nodes.
    pub files: Vec<ExtraFile>,
    /// What is worth telling but not wrong, e.g. an even number of members.
    pub warnings: Vec<String>,
}

/// Where the base comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The name of a recipe.
    Recipe(String),
    /// A local image, raw or compressed; its family is detected from its content.
    Image(PathBuf),
}

/// The network of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Interface name inside the node, e.g. `end0`, if the person wrote one.
    pub interface: Option<String>,
    /// Prefix length in bits: 1–32 for IPv4, 1–128 for IPv6.
    pub prefix: u8,
    /// Default gateway, of the same family as the node addresses; `None` for a network without one.
    pub gateway: Option<IpAddr>,
    /// Name servers, tried in order.
    pub dns: Vec<IpAddr>,
    /// Wi-Fi credentials, when the interface is a wireless one.
    pub wifi: Option<Wifi>,
}

impl Network {
    /// The interface as written, or as it is usually called.
    pub fn interface_name(&self) -> &str {
        let usual = if self.wifi.is_some() { "wlan0" } else { "eth0" };
        self.interface.as_deref().unwrap_or(usual)
    }
}

/// A WPA-PSK wireless network.
#[derive(Clone, Debug, PartialEq)]
pub struct Wifi {
    /// Network name, 1–32 bytes.
    pub ssid: String,
    /// Passphrase (8–63 characters) or 64 hexadecimal digits.
    pub password: Secret,
    /// ISO 3166-1 alpha-2 country, upper case; the radio stays off without it.
    pub country: String,
}

/// Access to the nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Ssh {
    /// The login user, made with UID 1000 or taken over from the base.
    pub user: String,
    /// Public keys in `authorized_keys` format, one per entry; empty only with a user CA, or for downloads.
    pub authorized_keys: Vec<String>,
    /// Public keys of a user CA (`TrustedUserCAKeys`), one per entry.
    pub trusted_user_ca: Vec<String>,
    /// A crypt(3) hash (`$6$…`, `$y$…`) for console login; SSH never accepts a password.
    pub password_hash: Option<Secret>,
}

/// One member.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Host name, member name and image name.
    pub name: String,
    /// Static address.
    pub address: IpAddr,
    /// Board, for `firmware/` edits and to refuse a base that cannot boot on it; `None` for any.
    pub board: Option<Board>,
    /// The member whose place it takes, which is not in this file any more.
    pub replaces: Option<String>,
}

/// Raspberry Pi models with a 64-bit boot path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Board {
    /// Raspberry Pi 3 (B, B+, A+) and Compute Module 3.
    Pi3,
    /// Raspberry Pi Zero 2 W.
    Zero2W,
    /// Raspberry Pi 4 B and 400.
    Pi4,
    /// Compute Module 4.
    Cm4,
    /// Raspberry Pi 5 and 500.
    Pi5,
    /// Compute Module 5.
    Cm5,
}

impl Board {
    const ALL: [Self; 6] = [
        Self::Pi3,
        Self::Zero2W,
        Self::Pi4,
        Self::Cm4,
        Self::Pi5,
        Self::Cm5,
    ];

    /// The names of all boards.
    pub(super) fn names() -> Vec<&'static str> {
        Self::ALL.map(Self::name).to_vec()
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|board| board.name() == name)
    }

    /// Its name in `cluster.toml`, recipes and `firmware/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pi3 => "pi3",
            Self::Zero2W => "zero2w",
            Self::Pi4 => "pi4",
            Self::Cm4 => "cm4",
            Self::Pi5 => "pi5",
            Self::Cm5 => "cm5",
        }
    }
}

/// etcd's binaries and settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Etcd {
    /// Where the binaries come from (`--etcd`).
    pub source: EtcdSource,
    /// `heartbeat-interval` in milliseconds.
    pub heartbeat_interval: u32,
    /// `election-timeout` in milliseconds, at least five times the heartbeat, at most 50 000.
    pub election_timeout: u32,
    /// `quota-backend-bytes`.
    pub quota: u64,
    /// Extra keys of etcd.conf.yml, written as given; keys this program sets itself are refused.
    pub extra: Vec<(String, toml::Value)>,
}

/// Where etcd comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EtcdSource {
    /// A release, without the `v`, e.g. `3.6.14`.
    Version(String),
    /// Debian's packages: those of the `debian-trixie` base if the cache has it, otherwise downloaded alone.
    Debian,
    /// A directory, or archives (a release tarball, Debian packages) that together contain the programs.
    Paths(Vec<PathBuf>),
}

/// Keys and certificates.
#[derive(Clone, Debug, PartialEq)]
pub struct Pki {
    /// Key algorithm of every certificate.
    pub key: KeyKind,
    /// Lifetime of the CA in days.
    pub ca_days: u32,
    /// Lifetime of server, peer and client certificates in days.
    pub leaf_days: u32,
    /// Extra DNS names or addresses put into every node's certificates.
    pub extra_sans: Vec<String>,
}

/// Key algorithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256,
    /// RSA, 2048 bits.
    Rsa2048,
    /// RSA, 4096 bits.
    Rsa4096,
}

impl KeyKind {
    const NAMES: [(&str, Self); 3] = [
        ("ecdsa-p256", Self::EcdsaP256),
        ("rsa-2048", Self::Rsa2048),
        ("rsa-4096", Self::Rsa4096),
    ];

    /// The names of all key types.
    pub(super) fn names() -> Vec<&'static str> {
        Self::NAMES.map(|(name, _)| name).to_vec()
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        let found = Self::NAMES.into_iter().find(|(known, _)| *known == name);
        found.map(|(_, kind)| kind)
    }
}

/// How much of a node may change while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appliance {
    /// The system is never written: changes to it live in memory until the next boot.
    pub read_only: bool,
    /// Where etcd's data lies.
    pub data: Data,
    /// Whether a place that holds something unknown may be formatted; etcd's own data is kept even then.
    pub wipe_data: bool,
    /// Seconds after which the hardware restarts a system that hangs; 0 for never.
    pub watchdog: u32,
    /// TCP ports that are reached from outside, sorted.
    pub ports: Vec<u16>,
    /// Whether the node is found as `<name>.local` by mDNS.
    pub avahi: bool,
}

/// First byte of the data on a card. It can never change: a card that is flashed again must find its data, whatever the
/// base has grown to. The largest base known (2026) ends at 3.1 GB.
pub const DATA_START: u64 = 8 << 30;

/// Where a node's data lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// The card it boots from: behind the system, or on the root of a node that is not read-only.
    Card,
    /// A disk of its own, by a path below `/dev/disk/by-id/`.
    Disk(String),
}

/// A line of `/etc/hosts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostsLine {
    /// The address.
    pub address: IpAddr,
    /// At least one host name.
    pub names: Vec<String>,
}

/// A file the user adds (`[[file]]`).
#[derive(Clone, PartialEq, Eq)]
pub struct ExtraFile {
    /// Absolute path in the root file system.
    pub path: String,
    /// What is written.
    pub content: Vec<u8>,
    /// Permission bits, e.g. `0o644`.
    pub mode: u16,
    /// `user:group`, by name or number.
    pub owner: String,
    /// Only into this node; `None` for every node.
    pub node: Option<String>,
}

// The content is the user's and may be secret: shown by its size only.
impl fmt::Debug for ExtraFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.content.len();
        let Self {
            path,
            mode,
            owner,
            node,
            ..
        } = self;
        write!(
            f,
            "{path} ({size} bytes, {mode:04o} {owner}, node {node:?})"
        )
    }
}
