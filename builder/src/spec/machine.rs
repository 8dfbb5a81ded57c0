//! A node as a machine: board, clock, firmware, appliance, and files of the user.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::named::Named;

/// The clock and the language of the nodes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemSettings {
    /// Name of the time zone; `None` for that of the base.
    pub timezone: Option<String>,
    /// Name of the locale; `None` for that of the base.
    pub locale: Option<String>,
    /// Keyboard layout; `None` for that of the base.
    pub keyboard: Option<String>,
    /// Time servers by name or address; none for those of the base.
    pub ntp: Vec<String>,
}

/// etcd's authentication, which the cluster switches on by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// Whether the cluster switches it on.
    pub enabled: bool,
    /// Users besides the administrator's `root` and those of the nodes.
    pub users: Vec<AuthUser>,
    /// Roles besides `root`.
    pub roles: Vec<AuthRole>,
}

/// A user of etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthUser {
    /// Its name, also the common name of the certificates that log in as this user.
    pub name: String,
    /// Its roles.
    pub roles: Vec<String>,
}

/// A role of etcd's users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthRole {
    /// Its name.
    pub name: String,
    /// Prefixes of the keys that it may read.
    pub read: Vec<String>,
    /// Prefixes of the keys that it may read and write.
    pub write: Vec<String>,
}

/// Raspberry Pi models with a 64-bit boot path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Compute Module 5, with or without eMMC (Lite).
    Cm5,
}

impl Named for Board {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("pi3", Self::Pi3),
        ("zero2w", Self::Zero2W),
        ("pi4", Self::Pi4),
        ("cm4", Self::Cm4),
        ("pi5", Self::Pi5),
        ("cm5", Self::Cm5),
        // These boot as another board does: the same processor and firmware in another shape.
        ("pi400", Self::Pi4),
        ("pi500", Self::Pi5),
        ("cm5lite", Self::Cm5),
    ];
}

/// Settings of the Raspberry Pi's firmware, in addition to those of this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firmware {
    /// Lines of `config.txt`.
    pub config: Vec<String>,
    /// Arguments of the kernel.
    pub cmdline: Vec<String>,
}

/// Settings of a node as an appliance: read-only mode, data storage, watchdog and network services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appliance {
    /// Whether the system is read-only; changes to it then stay in memory until the next boot.
    pub read_only: bool,
    /// Location of etcd's data.
    pub data: Data,
    /// Whether a location that contains unknown data may be formatted; etcd's own data is always kept.
    pub wipe_data: bool,
    /// Seconds after which the hardware restarts a hung system; 0 for never.
    pub watchdog: u32,
    /// TCP ports that are open to the network, sorted.
    pub ports: Vec<u16>,
    /// Further open ports.
    pub allow: Vec<Allowed>,
    /// Whether mDNS announces the node as `<name>.local`.
    pub avahi: bool,
}

/// A port that is open to all, or to one network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Number of the port.
    pub port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The only network that may use it.
    pub from: Option<IpNet>,
}

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Appliance {
    /// Returns the byte at which etcd's data begins on the boot card, before which the system must end; `None` if the data
    /// is elsewhere.
    pub fn data_start(&self) -> Option<u64> {
        (self.read_only && self.data == Data::Card).then_some(DATA_START)
    }
}

/// First byte of the data on a card. It must never change, so that a card that is flashed again keeps its data even if the
/// base has grown. The largest known base (2026) ends at 3.1 GB.
pub const DATA_START: u64 = 8 << 30;

/// The number of the partition that a node adds for its data on a card (`overlays/appliance/data`).
pub const DATA_PARTITION: u32 = 3;

/// The location of a node's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data {
    /// The boot card: after the system, or in the root file system of a node that is not read-only.
    Card,
    /// A separate disk, as a path below `/dev/disk/by-id/`.
    Disk(String),
}

/// A line of `/etc/hosts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostsLine {
    /// Address of the host.
    pub address: IpAddr,
    /// At least one host name.
    pub names: Vec<String>,
}

/// An archive that is unpacked into a node (`[[archive]]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Where the archive comes from.
    pub source: ArchiveSource,
    /// Its SHA-256 in lower-case hexadecimal, which a URL always has.
    pub sha256: Option<String>,
    /// Absolute path of the directory that receives the content.
    pub path: String,
    /// Number of directories that are removed from the beginning of every path.
    pub strip: u32,
    /// `user:group`, by name or number.
    pub owner: String,
    /// The only node that receives the content; `None` for every node.
    pub node: Option<String>,
    /// The place in the configuration, for example `cluster.toml:5`.
    pub origin: String,
}

/// Where an archive comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchiveSource {
    /// A file of this machine.
    Path(PathBuf),
    /// An address that begins with `https://`.
    Url(String),
}

/// What the user adds at a path.
#[derive(Clone, PartialEq, Eq)]
pub enum ExtraContent {
    /// A file with these bytes.
    File(Vec<u8>),
    /// A directory, if the base does not have it.
    Folder,
    /// A symbolic link with this target.
    Link(String),
}

/// A file, directory or link that the user adds (`[[file]]`, `[[unit]]`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraFile {
    /// Absolute path in the root file system.
    pub path: String,
    /// What is at the path.
    pub content: ExtraContent,
    /// Permission bits, e.g. `0o644`; a link has none.
    pub mode: u16,
    /// `user:group`, by name or number.
    pub owner: String,
    /// The only node that receives the file; `None` for every node.
    pub node: Option<String>,
    /// Whether it comes from a `[[unit]]`, which says whether the unit is enabled.
    pub is_of_unit: bool,
    /// The place in the configuration, for example `cluster.toml:5`.
    pub origin: String,
}

#[cfg(test)]
impl ExtraFile {
    /// Returns a file of root that every node receives.
    pub(crate) fn of_text(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            content: ExtraContent::File(text.into()),
            mode: 0o644,
            owner: "root:root".to_owned(),
            node: None,
            is_of_unit: false,
            origin: "cluster.toml:2".to_owned(),
        }
    }
}

// Shows only the size of the content, which may be secret.
impl fmt::Debug for ExtraContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(bytes) => write!(f, "file of {} bytes", bytes.len()),
            Self::Folder => f.write_str("directory"),
            Self::Link(target) => write!(f, "link to {target}"),
        }
    }
}
