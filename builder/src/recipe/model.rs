//! A recipe: what a base is and what must be done to it. Data only; read from `recipes/*.toml`.

use serde::{Deserialize, Serialize};

use crate::spec::Board;

/// A known base.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Name on the command line, e.g. `raspios-trixie`.
    pub name: String,
    /// One line for `etcd-image recipes`.
    pub title: String,
    /// Release as its makers name it, e.g. `2026-10-06`.
    pub release: String,
    /// How the base behaves at first boot.
    pub family: Family,
    /// What snapd lets others configure on it; Ubuntu Core only.
    pub grade: Option<Grade>,
    /// Where its bytes come from.
    pub source: Source,
    /// Folders of `overlays/` that apply, in order.
    pub overlays: Vec<String>,
    /// Files of `firmware/` that apply, in order.
    pub firmware: Vec<String>,
    /// Boards the base can boot on.
    pub boards: Vec<Board>,
}

impl Recipe {
    /// Whether its nodes are appliances: a root that is never written, data on a place of its own. The others have a
    /// classic root.
    pub fn makes_appliances(&self) -> bool {
        self.overlays.iter().any(|name| name == "appliance")
    }
}

/// Bases whose first boot is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Raspberry Pi OS 13: initramfs `resize`, cloud-init, userconfig.
    RaspiosTrixie,
    /// Raspberry Pi OS 12: `init=…/firstboot`, `regenerate_ssh_host_keys`, dphys-swapfile.
    RaspiosBookworm,
    /// Debian 13 with Debian's kernel and Raspberry Pi firmware in pi-gen's layout.
    DebianTrixie,
    /// Ubuntu Server 24.04: cloud-init with its seed on the boot partition, netplan, systemd-networkd.
    UbuntuNoble,
    /// Ubuntu Core 18: cloud-init's seed and the payload on the partition laid over the base.
    #[serde(rename = "ubuntu-core-18")]
    UbuntuCore18,
    /// Ubuntu Core 20: all of it on the FAT that the first boot installs from.
    #[serde(rename = "ubuntu-core-20")]
    UbuntuCore20,
    /// Ubuntu Core 22: the same.
    #[serde(rename = "ubuntu-core-22")]
    UbuntuCore22,
    /// Ubuntu Core 24: the same.
    #[serde(rename = "ubuntu-core-24")]
    UbuntuCore24,
}

/// How a node gets onto an image, and where it keeps what is etcd's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// Files in a root that is ours.
    Root,
    /// Ubuntu Core 18: files on what is laid over the base, installed by the first boot.
    CoreWritable,
    /// Ubuntu Core 20 and later: files on the FAT, installed by the first boot.
    CoreSeed,
}

/// What snapd lets others configure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Core 16 and 18 have no grades.
    None,
    /// Everything, even unsigned.
    Dangerous,
    /// Only what is signed, and some settings of cloud-init.
    Signed,
    /// Nothing.
    Secured,
}

impl Family {
    /// The number of its release, as its makers write it; empty where it has a name.
    pub fn series(self) -> &'static str {
        match self {
            Self::UbuntuCore18 => "18",
            Self::UbuntuCore20 => "20",
            Self::UbuntuCore22 => "22",
            Self::UbuntuCore24 => "24",
            _ => "",
        }
    }

    /// How a node gets onto such a base.
    pub fn route(self) -> Route {
        match self {
            Self::RaspiosTrixie
            | Self::RaspiosBookworm
            | Self::DebianTrixie
            | Self::UbuntuNoble => Route::Root,
            Self::UbuntuCore18 => Route::CoreWritable,
            Self::UbuntuCore20 | Self::UbuntuCore22 | Self::UbuntuCore24 => Route::CoreSeed,
        }
    }

    /// How a node is made of such a base, in a few words.
    pub(super) fn route_in_words(self) -> &'static str {
        match self {
            Self::RaspiosTrixie | Self::RaspiosBookworm | Self::DebianTrixie => "files in the root",
            Self::UbuntuNoble => {
                "files in the root; address by cloud-init's seed on the boot partition"
            }
            Self::UbuntuCore18 => {
                "cloud-init's seed and a script on the writable partition, run by the first boot"
            }
            Self::UbuntuCore20 | Self::UbuntuCore22 | Self::UbuntuCore24 => {
                "settings for cloud-init that snapd hands on, and a script, run by the first boot"
            }
        }
    }
}

impl Grade {
    /// As a model assertion writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Dangerous => "dangerous",
            Self::Signed => "signed",
            Self::Secured => "secured",
        }
    }
}

/// Where a base comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A published image.
    Download(Download),
    /// Made on this machine by mmdebstrap from Debian's signed packages.
    Debian,
}

/// A published, compressed image and how it is known to be the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// Address of the compressed image.
    pub url: String,
    /// What vouches for the compressed image.
    pub voucher: Voucher,
    /// Its size in bytes, where published.
    pub size: Option<u64>,
    /// SHA-256 of the unpacked image, where published.
    pub raw_sha256: Option<String>,
    /// Size of the unpacked image in bytes, where published.
    pub raw_size: Option<u64>,
}

/// What vouches for a download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Voucher {
    /// SHA-256 of the compressed image, lower-case hexadecimal.
    Sha256(String),
    /// A list of digests that its makers signed.
    Signed(SignedList),
}

/// A signed list of digests, as `sha256sum -b` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedList {
    /// Address of the list.
    pub list: String,
    /// Address of its detached `OpenPGP` signature.
    pub signature: String,
    /// Who must have signed.
    pub signer: Signer,
}

/// A key that is trusted to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Name of the key's file in `recipes/keys/`, without the ending.
    pub name: String,
    /// Fingerprint of its primary key, upper-case hexadecimal.
    pub fingerprint: String,
    /// The public key, in ASCII armour.
    pub key: String,
}
