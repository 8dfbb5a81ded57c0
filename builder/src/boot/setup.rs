//! Everything that a boot needs, gathered and checked before anything is started.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use lab::qemu::{self, Machine, Ssh};
use serde::{Deserialize, Serialize};
use ssh_key::{Algorithm, PrivateKey};

use super::images;
use super::node::BootNode;
use crate::cli::{BootMachine, BootOptions, Environment};
use crate::failure::Kind;
use crate::{fetch, file, progress};

/// The parameters of a boot.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// The nodes, in the order of their cluster.
    pub nodes: Vec<BootNode>,
    /// Seconds after which the boot of an unhealthy cluster is aborted.
    pub timeout: u64,
    /// Whether the machines keep running until Ctrl-C.
    pub keep: bool,
    /// The node whose console is shown.
    pub console: Option<String>,
    /// Whether progress messages are suppressed.
    pub quiet: bool,
    pub(super) machine: Machine,
    pub(super) kernel: Option<PathBuf>,
    pub(super) initrd: Option<PathBuf>,
    /// The Debian base whose kernel replaces those that cannot drive the machine.
    pub(super) debian_base: Option<PathBuf>,
    /// The directory `client` next to the images.
    pub(super) client: PathBuf,
    /// The user who logs in.
    pub(super) user: String,
    /// Private keys to try, in addition to those of the agent.
    pub(super) identities: Vec<PathBuf>,
    /// The nodes that authorize one of the keys, so that a refused login is a fault.
    pub(super) nodes_with_login: BTreeSet<String>,
}

impl Setup {
    /// Finds programs, images and keys.
    pub fn gather(options: &BootOptions, environment: &Environment, quiet: bool) -> Result<Self> {
        let machine = machine(options.machine)?;
        qemu::check_installed()?;
        let (nodes, folder) = images::read(&options.targets, machine)?;
        let debian_base = debian_base(options, environment, machine, &nodes)?;
        check_console(options, &nodes)?;
        let client = fs_err::canonicalize(folder.join("client")).with_context(|| {
            Kind::Usage.context(
                "the certificates that open the cluster are missing",
                "boot images where `etcd-image build` put them, beside the directory `client`",
            )
        })?;
        let user = nodes.first().map(|node| node.user.clone());
        let identities = identities(options, environment)?;
        let nodes_with_login =
            nodes_with_login(&nodes, &identities, options.ssh_identity.is_some());
        Ok(Self {
            nodes,
            timeout: options.timeout,
            keep: options.keep,
            console: options.console.clone(),
            quiet,
            machine,
            kernel: absolute(options.kernel.as_deref())?,
            initrd: absolute(options.initrd.as_deref())?,
            debian_base,
            client,
            user: user.unwrap_or_default(),
            identities,
            nodes_with_login,
        })
    }

    /// Returns the files that must stay reachable inside the namespace.
    pub(super) fn paths(&self) -> Vec<&Path> {
        let images = self.nodes.iter().map(|node| &node.image);
        let named = [&self.kernel, &self.initrd, &self.debian_base]
            .into_iter()
            .flatten();
        let all = images
            .chain(named)
            .chain(&self.identities)
            .chain([&self.client]);
        all.map(PathBuf::as_path).collect()
    }

    /// Returns the SSH client for the nodes.
    pub(super) fn ssh(&self) -> Ssh {
        Ssh {
            known_hosts: self.client.join("known_hosts"),
            user: self.user.clone(),
            identities: self.identities.clone(),
        }
    }
}

/// Returns the requested machine, or an error if it cannot work.
fn machine(wanted: BootMachine) -> Result<Machine> {
    match wanted {
        BootMachine::Virt => Ok(Machine::Virt),
        BootMachine::Raspi3b => Ok(Machine::Raspi3b),
        BootMachine::Raspi4b => Err(Kind::Unsupported.error(
            "QEMU's raspi4b has neither a network nor PCI Express, and kernels panic on it",
            "use `--machine raspi3b` for the image's own kernel and device tree, or `--machine virt`",
        )),
    }
}

/// Returns the Debian base in the cache, if a node needs its kernel.
fn debian_base(
    options: &BootOptions,
    environment: &Environment,
    machine: Machine,
    nodes: &[BootNode],
) -> Result<Option<PathBuf>> {
    let foreign = nodes.iter().find(|node| !node.virtio);
    let (Machine::Virt, Some(node), None) = (machine, foreign, &options.kernel) else {
        return Ok(None);
    };
    if node.installed.is_some() {
        return Err(not_for_virt(node));
    }
    let cache = options.cache.as_deref().or(environment.cache.as_deref());
    let progress = progress::stderr(false);
    let find = |cache| {
        let options = fetch::Options::offline(cache, environment.clock, &*progress);
        fetch::made_debian(&options)
    };
    let found = cache.map(find).transpose()?.flatten();
    match found {
        Some(base) => Ok(Some(fs_err::canonicalize(base.path())?)),
        None => Err(no_kernel(node)),
    }
}

/// Returns the error for Ubuntu Core on `virt`: it cannot start with another initramfs, because its own creates its
/// root.
fn not_for_virt(node: &BootNode) -> anyhow::Error {
    Kind::Unsupported.error(
        format!(
            "{} has Canonical's kernel for Raspberry Pi, which cannot drive the devices of `virt`",
            node.image.display()
        ),
        "use `--machine raspi3b`",
    )
}

fn no_kernel(node: &BootNode) -> anyhow::Error {
    Kind::Usage.error(format!(
            "{} has Raspberry Pi's kernel, which cannot drive the devices of `virt`, and there is no debian-trixie base \
             to borrow one from",
            node.image.display()
        ),
        "make the base once with `etcd-image fetch --base debian-trixie`, name another arm64 kernel with `--kernel` and \
         `--initrd`, or use `--machine raspi3b`",
    )
}

fn check_console(options: &BootOptions, nodes: &[BootNode]) -> Result<()> {
    let names: Vec<_> = nodes.iter().map(|node| node.name.as_str()).collect();
    match &options.console {
        Some(name) if !names.contains(&name.as_str()) => Err(Kind::Usage.error(
            format!("--console {name}: there is no such node"),
            format!("the nodes are {}", names.join(", ")),
        )),
        _ => Ok(()),
    }
}

/// Returns the named key, or the keys that ssh(1) would try.
fn identities(options: &BootOptions, environment: &Environment) -> Result<Vec<PathBuf>> {
    if let Some(named) = &options.ssh_identity {
        return Ok(vec![
            fs_err::canonicalize(named).context("reading --ssh-identity")?,
        ]);
    }
    let folder = environment.home.as_ref().map(|home| home.join(".ssh"));
    let names = [
        "id_ed25519",
        "id_ecdsa",
        "id_rsa",
        "id_ed25519_sk",
        "id_ecdsa_sk",
    ];
    let paths = folder
        .iter()
        .flat_map(|folder| names.map(|name| folder.join(name)));
    Ok(paths.filter(|path| path.is_file()).collect())
}

/// Returns the nodes that must accept one of the keys: those that authorize a key usable without interaction, or all nodes
/// if the key was named.
fn nodes_with_login(nodes: &[BootNode], keys: &[PathBuf], named: bool) -> BTreeSet<String> {
    let publics = keys
        .iter()
        .filter(|key| needs_no_prompt(key))
        .filter_map(|key| {
            let name = format!("{}.pub", key.display());
            file::read_text(Path::new(&name)).ok()
        });
    let publics: Vec<_> = publics
        .filter_map(|text| blob(&text).map(str::to_owned))
        .collect();
    let opens = |node: &&BootNode| {
        let allows = |public: &String| node.keys.iter().any(|key| key.contains(public.as_str()));
        named || publics.iter().any(allows)
    };
    let accepting = nodes.iter().filter(opens);
    accepting.map(|node| node.name.clone()).collect()
}

/// Returns whether this private key certainly works without a passphrase or a touch; ssh(1) does not prompt here.
fn needs_no_prompt(key: &Path) -> bool {
    let text = file::read_text(key).unwrap_or_default();
    PrivateKey::from_openssh(text).is_ok_and(|key| {
        let touched = matches!(
            key.algorithm(),
            Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256
        );
        !key.is_encrypted() && !touched
    })
}

/// Returns the key itself, without type and comment.
fn blob(public: &str) -> Option<&str> {
    public
        .split_whitespace()
        .nth(1)
        .filter(|blob| !blob.is_empty())
}

fn absolute(path: Option<&Path>) -> Result<Option<PathBuf>> {
    let found = path.map(fs_err::canonicalize).transpose();
    found.context("finding the kernel")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::failure::Failure;

    /// Returns a boot of one node by a user without keys.
    pub(in super::super) fn setup(node: BootNode) -> Setup {
        Setup {
            nodes: vec![node],
            timeout: 1,
            keep: false,
            console: None,
            quiet: true,
            machine: Machine::Virt,
            kernel: None,
            initrd: None,
            debian_base: None,
            client: PathBuf::new(),
            user: "pi".to_owned(),
            identities: Vec::new(),
            nodes_with_login: BTreeSet::new(),
        }
    }

    #[test]
    fn raspi4b_is_refused_with_its_reason() {
        let error = machine(BootMachine::Raspi4b).unwrap_err();
        let failure: &Failure = error.downcast_ref().unwrap();
        assert_eq!(failure.kind, Kind::Unsupported);
        assert!(failure.message.contains("neither a network"));
    }

    #[test]
    fn keys_are_compared_without_their_comments() {
        assert_eq!(blob("ssh-ed25519 AAAA me@here\n"), Some("AAAA"));
        assert_eq!(blob("ssh-ed25519\n"), None);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "keys as people make them")]
    fn a_key_with_a_passphrase_does_not_open_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let made = |name: &str, passphrase: &str| {
            let key = folder.path().join(name);
            let mut keygen = std::process::Command::new("ssh-keygen");
            keygen.args(["-q", "-t", "ed25519", "-N", passphrase, "-f"]);
            assert!(keygen.arg(&key).status().unwrap().success());
            key
        };
        assert!(needs_no_prompt(&made("plain", "")));
        assert!(!needs_no_prompt(&made("locked", "a passphrase")));
        assert!(!needs_no_prompt(&folder.path().join("absent")));
    }
}
