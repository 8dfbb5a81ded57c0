//! A recipe: what a base is and how nodes are made from it. Contains only data, read from `recipes/*.toml`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::spec::Board;

/// A known base with everything that differs between operating systems.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The name on the command line, e.g. `raspios-trixie`.
    pub name: String,
    /// The title in `etcd-image recipes`, one line.
    pub title: String,
    /// The release as its publishers name it, e.g. `2026-10-06`.
    pub release: String,
    /// The way a node is provisioned on such a base, in a few words for `etcd-image recipes`.
    pub provisioned_by: String,
    /// The properties by which an image of this base is recognized.
    pub recognize: Recognize,
    /// The label that the boot partition must have, if the first boot finds it by label.
    pub boot_label: Option<String>,
    /// The path of the kernel's command line on the boot partition. Overlays call it `/cmdline.txt`.
    pub command_line: String,
    /// The version of its systemd; overlays use only features of that version.
    pub systemd: u32,
    /// The version of its glibc, if no package manager on the image records it.
    pub glibc: Option<(u32, u32)>,
    /// The grade of its model; Ubuntu Core only.
    pub grade: Option<Grade>,
    /// The source of the image.
    pub source: BaseSource,
    /// The directories of `overlays/` that apply, in order.
    pub overlays: Vec<String>,
    /// The files of `firmware/` that apply, in order.
    pub firmware: Vec<String>,
    /// The boards that the base can boot on.
    pub boards: Vec<Board>,
    /// The settings of `cluster.toml` that the base does not support, each with the reason.
    pub unsupported: BTreeMap<OptionalSetting, String>,
    /// Warnings that owners of certain boards must read before the first boot.
    pub warnings: Vec<BoardWarning>,
}

impl Recipe {
    /// Returns whether its nodes are appliances: the system is never written, and the data have a separate partition.
    pub fn makes_appliances(&self) -> bool {
        !self.unsupported.contains_key(&OptionalSetting::Appliance)
    }
}

/// The properties of an image by which a recipe is chosen for a local one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recognize {
    /// The `ID` of os-release(5); `ubuntu-core` for a model of Ubuntu Core.
    pub id: String,
    /// The `VERSION_ID` of os-release(5); the number of the base snap for Ubuntu Core.
    pub version: String,
    /// Paths that the root file system contains.
    #[serde(default)]
    pub present: Vec<String>,
    /// Paths that the root file system does not contain.
    #[serde(default)]
    pub absent: Vec<String>,
}

/// A setting of `cluster.toml` that not every base supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptionalSetting {
    /// The key `wifi` of `[network]`.
    Wifi,
    /// The table `[[network.wifi.other]]`.
    WifiOther,
    /// The table `[[file]]`.
    File,
    /// The key `password-hash` of `[ssh]`.
    PasswordHash,
    /// The key `groups` of `[ssh]`.
    Groups,
    /// The key `trusted-user-ca` of `[ssh]`.
    TrustedUserCa,
    /// The table `[system]`.
    System,
    /// The table `[firmware]`.
    Firmware,
    /// The table `[appliance]`.
    Appliance,
    /// The key `layout` of `[pki]`.
    Layout,
    /// The table `[[certificate]]`.
    Certificate,
    /// The key `trust-ca` of `[pki]`.
    TrustCa,
    /// The key `data-dir` of `[etcd]`.
    DataDir,
    /// The key `config` of `[etcd]`.
    Config,
    /// The table `[packages]`.
    Packages,
}

/// A warning for the owners of certain boards.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardWarning {
    /// The boards that the warning concerns.
    pub boards: Vec<Board>,
    /// The sentence, which follows the name of the base.
    pub text: String,
}

/// The grade of an image's model, which decides how far snapd allows others to configure it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Core 16 and 18 have no grades.
    None,
    /// Everything is allowed, even unsigned.
    Dangerous,
    /// Only signed content and some settings of cloud-init are allowed.
    Signed,
    /// Nothing is allowed.
    Secured,
}

impl Grade {
    /// Returns the grade as a model assertion writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Dangerous => "dangerous",
            Self::Signed => "signed",
            Self::Secured => "secured",
        }
    }
}

/// The source of a base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseSource {
    /// A published image.
    Download(Download),
    /// Made on this machine by mmdebstrap from Debian's signed packages.
    Debian,
}

/// A published, compressed image, and where its digest comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// The address of the compressed image. A `*` stands for the newest point release (`.5` or nothing) in its signed list.
    pub url: String,
    /// Where the digest of the compressed image comes from.
    pub digest_source: DigestSource,
    /// The size of the compressed image in bytes, if published.
    pub size: Option<u64>,
    /// The SHA-256 of the unpacked image, if published.
    pub raw_sha256: Option<String>,
    /// The size of the unpacked image in bytes, if published.
    pub raw_size: Option<u64>,
}

/// Where the digest of a download comes from, by which it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DigestSource {
    /// The recipe: the SHA-256 of the compressed image, in lower-case hexadecimal.
    Sha256(String),
    /// A list of digests signed by its publishers.
    Signed(SignedList),
}

/// A signed list of digests, as `sha256sum -b` writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedList {
    /// The address of the list.
    pub list: String,
    /// The address of its detached `OpenPGP` signature.
    pub signature: String,
    /// The key that must have signed the list.
    pub signer: TrustedKey,
}

/// A key that is trusted to sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// The name of the key's file in `recipes/keys/`, without the extension.
    pub name: String,
    /// The fingerprint of its primary key, in upper-case hexadecimal.
    pub fingerprint: String,
    /// The public key, in ASCII armor.
    pub key: String,
}
