//! The node in an image: its identity, its address and its boot files. Read from the image's content, never from its name.

use std::net::IpAddr;
use std::os::fd::IntoRawFd as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use diskimg::ReadFs;
use lab::qemu::Machine;
use serde::{Deserialize, Serialize};

use crate::description::{self, FileRole, NetworkFacts, NodeDescription};
use crate::failure::Kind;
use crate::firmware_config::{self, FirmwareConfig, KERNEL};
use crate::inspect::{Files, Image, System};
use crate::pki;

/// A node and the image that holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BootNode {
    /// Member and host name.
    pub name: String,
    /// Absolute path of the image.
    pub image: PathBuf,
    /// Absolute path of the raw image: that of a file without a name if the image was compressed.
    pub(super) raw: PathBuf,
    /// Size of the image in bytes.
    pub size: u64,
    /// Static address.
    pub address: IpAddr,
    /// Prefix length of its network.
    pub prefix: u8,
    /// The router that it is configured with.
    pub gateway: Option<IpAddr>,
    /// Names of all members of its cluster.
    pub members: Vec<String>,
    /// First and last second, since 1970, at which its server certificate is valid.
    pub valid: (i64, i64),
    /// The user who may log in.
    pub(super) user: String,
    /// Public keys that may log in, as in `authorized_keys(5)`.
    pub(super) keys: Vec<String>,
    /// Whether its kernel can drive the devices of `virt`: upstream kernels such as Debian's can, Raspberry Pi's cannot.
    pub(super) virtio: bool,
    /// Kernel, initramfs and device tree on its boot partition.
    pub(super) files: BootFiles,
    /// The kernel's command line.
    pub(super) cmdline: String,
    /// The command line after the system has installed itself, if the first boot does nothing else.
    pub(super) installed: Option<String>,
    /// The part of the command line that is not in the image.
    pub added: String,
}

/// The files that boot a node, as paths on its boot partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BootFiles {
    pub(super) kernel: String,
    pub(super) initramfs: Option<String>,
    pub(super) device_tree: Option<String>,
}

impl BootNode {
    /// Reads the node of an image.
    pub(super) fn read(path: &Path, machine: Machine) -> Result<Self> {
        let context = || format!("inspecting {}", path.display());
        let image = Image::open(path)?;
        Self::of(&image, path, machine).with_context(context)
    }

    fn of(image: &Image, path: &Path, machine: Machine) -> Result<Self> {
        if matches!(image.layout().system, System::Writable(_)) {
            return Err(old_core());
        }
        let mut files = image.files()?;
        let description = description::required(image, &mut files)?;
        check_network(&description.network)?;
        let valid = validity(&description, &mut files)?;
        let members = description.members.into_iter();
        let boot = &mut *image.boot()?;
        let config = boot.read_text("/config.txt")?.unwrap_or_default();
        let config = firmware_config::parse(&config, &[machine.board()], KERNEL);
        let own = boot.read_text(&config.cmdline)?.ok_or_else(no_cmdline)?;
        let added = machine.cmdline_additions(config.upstream);
        let core = matches!(image.layout().system, System::Seed(_));
        let installed = core.then(|| installed(boot, &added));
        Ok(Self {
            name: description.node,
            raw: raw(image, path)?,
            image: fs_err::canonicalize(path)?,
            size: image.layout().size,
            address: description.network.address,
            prefix: description.network.prefix,
            gateway: description.network.gateway,
            members: members.map(|member| member.name).collect(),
            valid,
            user: description.login.user,
            keys: description.login.authorized_keys,
            virtio: config.upstream,
            files: boot_files(boot, config, machine)?,
            cmdline: cmdline(&own, &added),
            installed: installed.transpose()?,
            added,
        })
    }
}

/// Returns the path at which this process and those that it starts find the raw image. Unpacked contents have no name, so
/// their file is inherited; it ends with the last of these processes.
fn raw(image: &Image, path: &Path) -> Result<PathBuf> {
    match (image.unpacked_sha256(), image.file()) {
        (Some(_), Some(file)) => {
            // Without the flag that closes a file when another program starts.
            let inherited = rustix::io::dup(file)?.into_raw_fd();
            Ok(PathBuf::from(format!("/proc/self/fd/{inherited}")))
        }
        _ => Ok(fs_err::canonicalize(path)?),
    }
}

/// Returns the first and the last second at which the server certificate is valid.
fn validity(description: &NodeDescription, files: &mut Files) -> Result<(i64, i64)> {
    let certificate = description
        .file(FileRole::ServerCertificate)
        .ok_or_else(|| {
            Kind::Corrupt.error(
                "the node's description names no server certificate",
                "fetch the image again, or build it again with the same state directory",
            )
        })?;
    let pem = files.at(certificate.partition)?.read(&certificate.path);
    let pem = pem.with_context(|| format!("reading {}", certificate.path))?;
    let certificate = pki::certificate(&String::from_utf8_lossy(&pem))?;
    Ok((certificate.not_before, certificate.not_after))
}

/// Returns the command line that snapd creates from the card's own when it has installed Ubuntu Core, where the firmware
/// reads it.
fn installed(boot: &mut dyn ReadFs, added: &str) -> Result<String> {
    let own = boot.read_text("/cmdline.txt")?.ok_or_else(no_cmdline)?;
    Ok(cmdline(&own, &format!("snapd_recovery_mode=run {added}")))
}

/// Returns the kernel's command line: the first line of `cmdline.txt`, which the firmware reads, and the arguments that
/// QEMU needs. Nothing is removed.
fn cmdline(own: &str, added: &str) -> String {
    let own = own.lines().next().unwrap_or_default().trim();
    format!("{own} {added}").trim_start().to_owned()
}

fn boot_files(
    boot: &mut dyn ReadFs,
    config: FirmwareConfig,
    machine: Machine,
) -> Result<BootFiles> {
    let mut device_tree = config.device_tree;
    // The firmware looks beside the kernel.
    let folder = config
        .kernel
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    for candidate in machine.device_trees(config.upstream) {
        for path in [format!("{folder}{candidate}"), (*candidate).to_owned()] {
            if device_tree.is_none() && boot.metadata(&path)?.is_some() {
                device_tree = Some(path);
            }
        }
    }
    let wanted = machine.device_trees(config.upstream).first();
    match (wanted, device_tree) {
        (None, _) => Ok(None),
        (Some(_), Some(found)) => Ok(Some(found)),
        (Some(wanted), None) => Err(Kind::Unsupported.error(
            format!("the boot partition has no device tree {wanted}"),
            "boot this image with `--machine virt`",
        )),
    }
    .map(|device_tree| BootFiles {
        kernel: config.kernel,
        initramfs: config.initramfs,
        device_tree,
    })
}

fn no_cmdline() -> anyhow::Error {
    Kind::Unsupported.error(
        "the image is not a node: it has no cmdline.txt",
        "boot images that `etcd-image build` wrote",
    )
}

fn check_network(network: &NetworkFacts) -> Result<()> {
    let missing = [
        (
            network.wifi,
            "the node's network is Wi-Fi, which QEMU does not have",
            "wifi",
        ),
        (
            network.dhcp,
            "the node waits for a DHCP server, which QEMU's network does not have",
            "dhcp",
        ),
    ];
    let Some((_, what, setting)) = missing.into_iter().find(|(asked, ..)| *asked) else {
        return Ok(());
    };
    Err(Kind::Unsupported.error(
        what,
        format!(
            "to test the cluster, build it once without `[network] {setting}`, with separate `--out` and `--state` \
             directories"
        ),
    ))
}

fn old_core() -> anyhow::Error {
    Kind::Unsupported.error(
        "Ubuntu Core 18 keeps its kernel in a snap, from which QEMU cannot load it",
        "flash the images; `etcd-image verify` checks them without booting",
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    #[test]
    fn a_node_whose_network_is_not_in_the_laboratory_is_refused() {
        let network = |wifi, dhcp| NetworkFacts {
            address: "192.168.0.50".parse().unwrap(),
            prefix: 24,
            gateway: None,
            dhcp,
            wifi,
        };
        check_network(&network(false, false)).unwrap();
        let refused = |wifi, dhcp| check_network(&network(wifi, dhcp)).unwrap_err().to_string();
        assert_eq!(
            refused(true, true),
            "the node's network is Wi-Fi, which QEMU does not have"
        );
        assert_eq!(
            refused(false, true),
            "the node waits for a DHCP server, which QEMU's network does not have"
        );
    }

    #[test]
    fn the_image_s_words_stay_first_and_whole() {
        let own = "console=serial0,115200 root=PARTUUID=1-02 rootwait";
        let whole = cmdline(&format!("{own}\nsecond line\n"), "console=ttyAMA0");
        assert_eq!(whole, format!("{own} console=ttyAMA0"));
        assert_eq!(cmdline("", "console=ttyAMA0"), "console=ttyAMA0");
    }

    /// Returns a node with this name and `ADDRESS/PREFIX`.
    pub(in super::super) fn node(name: &str, network: &str) -> BootNode {
        let (address, prefix) = network.split_once('/').unwrap();
        BootNode {
            name: name.to_owned(),
            image: format!("{name}.img").into(),
            raw: format!("{name}.img").into(),
            size: 1 << 30,
            address: address.parse().unwrap(),
            prefix: prefix.parse().unwrap(),
            gateway: None,
            members: vec![name.to_owned()],
            valid: (0, 1),
            user: "pi".to_owned(),
            keys: Vec::new(),
            virtio: true,
            files: BootFiles {
                kernel: "/kernel8.img".to_owned(),
                initramfs: None,
                device_tree: None,
            },
            cmdline: String::new(),
            installed: None,
            added: String::new(),
        }
    }
}
