//! Who the node of an image is and where it is reached, read where its system keeps it.

use std::io::Read as _;
use std::net::IpAddr;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use diskimg::ReadFs;
use flate2::read::GzDecoder;

use super::node::{not_a_node, text};
use crate::failure::{Failure, Kind};
use crate::inspect::{Image, System};
use crate::pki;

/// Where snapd finds what it hands to cloud-init: our seed on Ubuntu Core.
const CORE_SEED: &str = "/data/etc/cloud/cloud.cfg.d/99_etcd-node.cfg";

/// What the files of a node say of it.
pub(super) struct Identity {
    /// Member and host name.
    pub(super) name: String,
    /// Names of all members of its cluster.
    pub(super) members: Vec<String>,
    pub(super) address: Address,
    /// First and last second, since 1970, at which its server certificate is valid.
    pub(super) valid: (i64, i64),
}

/// Address, prefix length and router.
pub(super) type Address = (IpAddr, u8, Option<IpAddr>);

impl Identity {
    /// Reads them.
    pub(super) fn read(image: &Image) -> Result<Self> {
        let boot = &mut *image.boot()?;
        match image.layout().system {
            System::Root(_) => {
                let root = &mut *image.root()?;
                let address = match seed_address(&seed(boot, "/network-config")?) {
                    Some(found) => found,
                    None => network(root)?,
                };
                Self::of(root, "/etc/etcd", address)
            }
            System::Seed(_) => {
                let address = seed_address(&core_network(boot)?);
                let address = address.ok_or_else(|| not_a_node("static address"))?;
                let folder = image.layout().system.home().payload;
                Self::of(boot, folder.unwrap_or_default(), address)
            }
            System::Writable(_) => Err(old_core()),
        }
    }

    /// The node whose etcd is configured in this folder.
    fn of(fs: &mut dyn ReadFs, folder: &str, address: Address) -> Result<Self> {
        let etcd = text(fs, &format!("{folder}/etcd.conf.yml"))?;
        let etcd = etcd.ok_or_else(|| not_a_node("etcd.conf.yml"))?;
        let (name, members) = membership(&etcd).ok_or_else(|| not_a_node("initial cluster"))?;
        let certificate = text(fs, &format!("{folder}/pki/server.crt"))?;
        let certificate = pki::certificate(&certificate.ok_or_else(|| not_a_node("certificate"))?)?;
        Ok(Self {
            name,
            members,
            address,
            valid: (certificate.not_before, certificate.not_after),
        })
    }
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

/// What we wrote for cloud-init; empty if there is nothing.
fn seed(boot: &mut dyn ReadFs, path: &str) -> Result<String> {
    Ok(text(boot, path)?.unwrap_or_default())
}

/// The network configuration of Ubuntu Core: in our seed, or on the command line of a signed model, packed.
fn core_network(boot: &mut dyn ReadFs) -> Result<String> {
    let line = seed(boot, "/cmdline.txt")?;
    let mut words = line.split_whitespace();
    match words.find_map(|word| word.strip_prefix("network-config=")) {
        None => seed(boot, CORE_SEED),
        Some(packed) => unpacked(packed).context("unpacking network-config= of /cmdline.txt"),
    }
}

/// base64 of gzip, as cloud-init takes it.
fn unpacked(packed: &str) -> Result<String> {
    let gzip = STANDARD.decode(packed)?;
    let mut text = String::new();
    GzDecoder::new(&gzip[..]).read_to_string(&mut text)?;
    Ok(text)
}

/// The address in a network configuration that we wrote for cloud-init; a stock seed has none.
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
pub(super) fn address(text: &str) -> Option<Address> {
    let (network, gateway) = match text.split_once(',') {
        Some((network, gateway)) => (network, Some(gateway.parse().ok()?)),
        None => (text, None),
    };
    let (address, prefix) = network.split_once('/')?;
    Some((address.parse().ok()?, prefix.parse().ok()?, gateway))
}

/// The text that names the public keys of those who may log in as `user`.
pub(super) fn keys(image: &Image, user: &str) -> Result<String> {
    match image.layout().system {
        System::Seed(_) => {
            let boot = &mut *image.boot()?;
            Ok(seed(boot, CORE_SEED)? + &seed(boot, "/etcd-node/user-data")?)
        }
        System::Root(_) | System::Writable(_) => {
            let path = format!("/home/{user}/.ssh/authorized_keys");
            Ok(text(&mut *image.root()?, &path)?.unwrap_or_default())
        }
    }
}

fn old_core() -> anyhow::Error {
    Failure::new(
        Kind::Unsupported,
        "Ubuntu Core 18 keeps its kernel in a snap, where no emulator finds it",
        "flash the images; `etcd-image verify` looks at them without booting",
    )
}

fn wireless() -> anyhow::Error {
    Failure::new(
        Kind::Unsupported,
        "the node's network is Wi-Fi, which QEMU does not have",
        "to try the cluster, build it once without `[network] wifi`, with --out and --state of its own",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_packed_network_is_read_and_a_torn_one_is_refused() {
        // printf 'addresses:\n  - "10.0.0.5/16"\n' | gzip -9n | base64 -w0
        let packed = "H4sIAAAAAAACA0tMSSlKLS5OLbbiUlDQVVAyNNADQVN9QzMlLgD8LIadHQAAAA==";
        let read = unpacked(packed).unwrap();
        assert_eq!(read, "addresses:\n  - \"10.0.0.5/16\"\n");
        assert!(unpacked(&packed[..24]).is_err());
        assert!(unpacked("not base64").is_err());
    }
}
