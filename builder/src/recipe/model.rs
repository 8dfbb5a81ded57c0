//! A recipe: what a base is and what must be done to it. Data only, read from `recipes/*.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::spec::Board;

/// A known base: everything that differs from one operating system to the next.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Name on the command line, e.g. `raspios-trixie`.
    pub name: String,
    /// One line for `etcd-image recipes`.
    pub title: String,
    /// Release as its makers name it, e.g. `2026-10-06`.
    pub release: String,
    /// How a node gets onto such a base, in a few words for `etcd-image recipes`.
    pub provisioned_by: String,
    /// How an image of this base is recognized.
    pub recognize: Recognize,
    /// The label that the boot partition must have, where the first boot looks for it by label.
    pub boot_label: Option<String>,
    /// Version of its systemd; overlays use only what that version knows.
    pub systemd: u32,
    /// Version of its glibc, where no package manager on the image records it.
    pub glibc: Option<(u32, u32)>,
    /// The grade of its model; Ubuntu Core only.
    pub grade: Option<Grade>,
    /// Where its bytes come from.
    pub source: Source,
    /// Folders of `overlays/` that apply, in order.
    pub overlays: Vec<String>,
    /// Files of `firmware/` that apply, in order.
    pub firmware: Vec<String>,
    /// Boards the base can boot on.
    pub boards: Vec<Board>,
    /// Settings of `cluster.toml` that its nodes cannot have, each with the reason.
    pub unsupported: BTreeMap<Setting, String>,
    /// What an owner of certain boards must know before the first boot.
    pub warnings: Vec<BoardWarning>,
}

impl Recipe {
    /// Whether its nodes are appliances: the system is never written, and the data has a place of its own.
    pub fn makes_appliances(&self) -> bool {
        !self.unsupported.contains_key(&Setting::Appliance)
    }
}

/// What an image says about itself, by which a recipe is chosen for a local one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recognize {
    /// `ID` of os-release(5); `ubuntu-core` for a model of Ubuntu Core.
    pub id: String,
    /// `VERSION_ID` of os-release(5); the number of the base snap for Ubuntu Core.
    pub version: String,
    /// Paths that the root file system has.
    #[serde(default)]
    pub present: Vec<String>,
    /// Paths that it does not have.
    #[serde(default)]
    pub absent: Vec<String>,
}

/// A setting of `cluster.toml` that not every base supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Setting {
    /// `wifi` of `[network]`.
    Wifi,
    /// `[[file]]`.
    File,
    /// `password-hash` of `[ssh]`.
    PasswordHash,
    /// `trusted-user-ca` of `[ssh]`.
    TrustedUserCa,
    /// `[appliance]`.
    Appliance,
}

/// A sentence for the owners of certain boards.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardWarning {
    /// The boards that it is about.
    pub boards: Vec<Board>,
    /// The sentence; it follows the name of the base.
    pub text: String,
}

/// What snapd lets others configure on an image, as the grade of its model says.
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
