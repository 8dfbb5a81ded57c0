//! An image → a node: who it is, where it is reached, what boots it. Read from inside the image, never from its name.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use diskimg::ReadFs;
use serde::{Deserialize, Serialize};

use super::cmdline::Cmdline;
use super::config::{self, Config};
use super::machine::Machine;
use crate::failure::{Failure, Kind};
use crate::inspect::Image;
use crate::pki;
use crate::recipe::Family;

/// A node and the image that holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Node {
    /// Member and host name.
    pub name: String,
    /// Absolute path of the image.
    pub image: PathBuf,
    /// Size of the image in bytes.
    pub size: u64,
    /// Static address.
    pub address: IpAddr,
    /// Prefix length of its network.
    pub prefix: u8,
    /// The router it was told.
    pub gateway: Option<IpAddr>,
    /// Names of all members of its cluster.
    pub members: Vec<String>,
    /// First and last second, since 1970, at which its server certificate is valid.
    pub valid: (i64, i64),
    /// Whether its kernel can drive the devices of `virt`: Raspberry Pi's own kernels cannot.
    pub(super) virtio: bool,
    /// Kernel, initramfs and device tree on its boot partition.
    pub(super) files: BootFiles,
    /// The kernel's command line.
    pub(super) cmdline: String,
    /// The part of it that is not in the image.
    pub added: String,
}

/// What boots a node, as paths on its boot partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct BootFiles {
    pub(super) kernel: String,
    pub(super) initramfs: Option<String>,
    pub(super) device_tree: Option<String>,
}

/// What a node's keyfile says of its network (nm-settings-keyfile(5), `address1`).
type Address = (IpAddr, u8, Option<IpAddr>);

impl Node {
    /// Reads an image.
    pub(super) fn read(path: &Path, machine: Machine) -> Result<Self> {
        let context = || format!("inspecting {}", path.display());
        let image = Image::open(path)?;
        Self::of(&image, path, machine).with_context(context)
    }

    fn of(image: &Image, path: &Path, machine: Machine) -> Result<Self> {
        let (boot, root) = (&mut *image.boot()?, &mut *image.root()?);
        let etcd =
            text(root, "/etc/etcd/etcd.conf.yml")?.ok_or_else(|| not_a_node("etcd.conf.yml"))?;
        let (name, members) = membership(&etcd).ok_or_else(|| not_a_node("initial cluster"))?;
        let (address, prefix, gateway) = match seeded(boot)? {
            Some(found) => found,
            None => network(root)?,
        };
        let certificate = text(root, "/etc/etcd/pki/server.crt")?;
        let certificate = pki::certificate(&certificate.ok_or_else(|| not_a_node("certificate"))?)?;
        let config = text(boot, "/config.txt")?.unwrap_or_default();
        let config = config::parse(&config, machine.board());
        let own = text(boot, &config.cmdline)?.ok_or_else(|| not_a_node("cmdline.txt"))?;
        let cmdline = Cmdline::new(&own, machine, config.upstream);
        Ok(Self {
            name,
            image: fs_err::canonicalize(path)?,
            size: image.layout().size,
            address,
            prefix,
            gateway,
            members,
            valid: (certificate.not_before, certificate.not_after),
            virtio: image.layout().family == Family::DebianTrixie,
            files: boot_files(boot, config, machine)?,
            cmdline: cmdline.whole(),
            added: cmdline.added().to_owned(),
        })
    }
}

fn boot_files(boot: &mut dyn ReadFs, config: Config, machine: Machine) -> Result<BootFiles> {
    let mut device_tree = config.device_tree;
    for candidate in machine.device_trees(config.upstream) {
        if device_tree.is_none() && boot.metadata(candidate)?.is_some() {
            device_tree = Some((*candidate).to_owned());
        }
    }
    let wanted = machine.device_trees(config.upstream).first();
    match (wanted, device_tree) {
        (None, _) => Ok(None),
        (Some(_), Some(found)) => Ok(Some(found)),
        (Some(wanted), None) => Err(Failure::new(
            Kind::Unsupported,
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

/// `name` and the names in `initial-cluster` of etcd.conf.yml, as the template of `overlays/etcd` writes them.
fn membership(text: &str) -> Option<(String, Vec<String>)> {
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key))
            .map(|value| value.trim().trim_matches('"'))
    };
    let members = value("initial-cluster:")?.split(',');
    let names = members
        .filter_map(|member| member.split_once('='))
        .map(|(name, _)| name.to_owned());
    Some((value("name:")?.to_owned(), names.collect()))
}

fn network(root: &mut dyn ReadFs) -> Result<Address> {
    let folder = "/etc/NetworkManager/system-connections";
    let names = match root.metadata(folder)? {
        Some(_) => root.read_dir(folder)?,
        None => Vec::new(),
    };
    for name in names {
        let keyfile = text(root, &format!("{folder}/{name}"))?.unwrap_or_default();
        let line = keyfile
            .lines()
            .find_map(|line| line.strip_prefix("address1="));
        match line.and_then(address) {
            Some(_) if keyfile.lines().any(|line| line == "type=wifi") => return Err(wireless()),
            Some(address) => return Ok(address),
            None => {}
        }
    }
    Err(not_a_node("static address"))
}

/// The address in a network-config that we wrote for cloud-init; a stock seed has none.
fn seeded(boot: &mut dyn ReadFs) -> Result<Option<Address>> {
    Ok(seed_address(
        &text(boot, "/network-config")?.unwrap_or_default(),
    ))
}

fn seed_address(seed: &str) -> Option<Address> {
    let quoted = |line: &str| {
        let value = line.trim_start_matches(['-', ' ']).strip_prefix('"')?;
        address(value.strip_suffix('"')?)
    };
    let (found, prefix, _) = seed.lines().find_map(quoted)?;
    let via = |line: &str| {
        let gateway = line.trim().strip_prefix("via: ")?;
        gateway.trim_matches('"').parse().ok()
    };
    Some((found, prefix, seed.lines().find_map(via)))
}

/// `ADDRESS/PREFIX[,GATEWAY]`
fn address(text: &str) -> Option<Address> {
    let (network, gateway) = match text.split_once(',') {
        Some((network, gateway)) => (network, Some(gateway.parse().ok()?)),
        None => (text, None),
    };
    let (address, prefix) = network.split_once('/')?;
    Some((address.parse().ok()?, prefix.parse().ok()?, gateway))
}

pub(super) fn text(fs: &mut dyn ReadFs, path: &str) -> Result<Option<String>> {
    match fs.metadata(path)? {
        None => Ok(None),
        Some(_) => Ok(Some(String::from_utf8_lossy(&fs.read(path)?).into_owned())),
    }
}

fn wireless() -> anyhow::Error {
    Failure::new(
        Kind::Unsupported,
        "the node's network is Wi-Fi, which QEMU does not have",
        "to try the cluster, build it once without `[network] wifi`, with --out and --state of its own",
    )
}

fn not_a_node(missing: &str) -> anyhow::Error {
    Failure::new(
        Kind::Unsupported,
        format!("the image is not a node: it has no {missing}"),
        "boot images that `etcd-image build` wrote",
    )
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A node with this name and `address1` of its keyfile.
    pub(in super::super) fn node(name: &str, address1: &str) -> Node {
        let (address, prefix, gateway) = address(address1).unwrap();
        Node {
            name: name.to_owned(),
            image: format!("{name}.img").into(),
            size: 1 << 30,
            address,
            prefix,
            gateway,
            members: vec![name.to_owned()],
            valid: (0, 1),
            virtio: true,
            files: BootFiles {
                kernel: "/kernel8.img".to_owned(),
                initramfs: None,
                device_tree: None,
            },
            cmdline: String::new(),
            added: String::new(),
        }
    }

    #[test]
    fn the_keyfile_s_address_is_read() {
        let read =
            |text| address(text).map(|(a, p, g)| (a.to_string(), p, g.map(|g| g.to_string())));
        let gateway = Some("192.168.0.1".to_owned());
        assert_eq!(
            read("192.168.0.50/24,192.168.0.1"),
            Some(("192.168.0.50".to_owned(), 24, gateway))
        );
        assert_eq!(read("fd00::50/64"), Some(("fd00::50".to_owned(), 64, None)));
        assert_eq!(read("192.168.0.50"), None);
        assert_eq!(read("192.168.0.50/24,router"), None);
    }

    #[test]
    fn the_seed_s_address_is_read_and_a_stock_seed_has_none() {
        let read = |text: &str| {
            let told = seed_address(text);
            told.map(|(a, p, g)| (a.to_string(), p, g.map(|g| g.to_string())))
        };
        let ours = "network:\n  ethernets:\n    etcd-node:\n      match:\n        name: \"e*\"\n      addresses:\n        - \"10.0.0.5/16\"\n      \
            routes:\n        - to: \"0.0.0.0/0\"\n          via: \"10.0.0.1\"\n";
        let gateway = Some("10.0.0.1".to_owned());
        assert_eq!(read(ours), Some(("10.0.0.5".to_owned(), 16, gateway)));
        assert_eq!(
            read("network:\n  ethernets:\n    eth0:\n      dhcp4: true\n"),
            None
        );
        assert_eq!(read(""), None);
    }

    #[test]
    fn members_are_read_from_etcd_s_own_configuration() {
        let text = "# x\nname: \"b\"\ninitial-cluster: \"a=https://1:2380,b=https://2:2380\"\ninitial-cluster-token: \"t\"\n";
        let (name, members) = membership(text).unwrap();
        assert_eq!(
            (name.as_str(), members),
            ("b", vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(membership("name: a\n"), None);
    }
}
