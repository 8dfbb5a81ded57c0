//! The identity and address of an image's node, according to its description.

use anyhow::{Context as _, Result};

use crate::description::{self, NetworkFacts, NodeDescription, Role};
use crate::failure::Kind;
use crate::inspect::{Image, System};
use crate::pki;

/// The facts about a node in its image.
pub(super) struct Identity {
    pub(super) description: NodeDescription,
    /// First and last second, since 1970, at which its server certificate is valid.
    pub(super) valid: (i64, i64),
}

impl Identity {
    /// Reads the identity; refuses a node that QEMU cannot boot.
    pub(super) fn read(image: &Image) -> Result<Self> {
        if matches!(image.layout().system, System::Writable(_)) {
            return Err(old_core());
        }
        let mut files = image.files()?;
        let description = description::required(image, &mut files)?;
        check_network(&description.network)?;
        let certificate = description.file(Role::ServerCertificate);
        let certificate = certificate.ok_or_else(no_certificate)?;
        let pem = files.at(certificate.partition)?.read(&certificate.path);
        let pem = pem.with_context(|| format!("reading {}", certificate.path))?;
        let certificate = pki::certificate(&String::from_utf8_lossy(&pem))?;
        Ok(Self {
            description,
            valid: (certificate.not_before, certificate.not_after),
        })
    }
}

fn check_network(network: &NetworkFacts) -> Result<()> {
    match network.wifi {
        false => Ok(()),
        true => Err(Kind::Unsupported.error("the node's network is Wi-Fi, which QEMU does not have",
            "to try the cluster, build it once without `[network] wifi`, with --out and --state of its own",
        )),
    }
}

fn no_certificate() -> anyhow::Error {
    Kind::Corrupt.error(
        "the node's description names no server certificate",
        "build the image again; the state folder keeps its identity",
    )
}

fn old_core() -> anyhow::Error {
    Kind::Unsupported.error(
        "Ubuntu Core 18 keeps its kernel in a snap, where no emulator finds it",
        "flash the images; `etcd-image verify` looks at them without booting",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wireless_node_is_refused() {
        let network = |wifi| NetworkFacts {
            address: "192.168.0.50".parse().unwrap(),
            prefix: 24,
            gateway: None,
            wifi,
        };
        check_network(&network(false)).unwrap();
        let error = check_network(&network(true)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the node's network is Wi-Fi, which QEMU does not have"
        );
    }
}
