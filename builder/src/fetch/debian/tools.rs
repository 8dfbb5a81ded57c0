//! The programs of this machine that making the base requires; everything else comes from the same Debian as the image.

use std::path::{Path, PathBuf};

use crate::failure::Kind;
use crate::fetch::elf;

/// Debian's public keys; apt refuses every package list that none of them signed.
pub(super) const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
const INSTALL: &str = "apt-get install mmdebstrap debian-archive-keyring qemu-user-static uidmap";
const FOLDERS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// The tools that were found.
#[derive(Debug)]
pub(super) struct Tools {
    /// The statically linked emulator, or `None` if the machine itself is arm64.
    pub(super) emulator: Option<PathBuf>,
    /// Whether root privileges require a user namespace.
    pub(super) needs_user_namespace: bool,
}

/// Finds everything that making the base requires, before starting anything.
pub(super) fn find() -> anyhow::Result<Tools> {
    find_apt()?;
    let is_root = is_root();
    for program in ["mmdebstrap", "dpkg", "unshare"] {
        need(program)?;
    }
    if !is_root {
        need("newuidmap")?;
    }
    Ok(Tools {
        emulator: emulator()?,
        needs_user_namespace: !is_root,
    })
}

/// Checks for everything that downloading packages requires.
pub(super) fn find_apt() -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        let message = "Debian's packages are downloaded with apt, on Linux only";
        let hint = "use a base that is downloaded (`etcd-image recipes`) and a release of etcd (`--etcd 3.6.14`)";
        return Err(Kind::Unsupported.error(message, hint));
    }
    need("apt-get")?;
    if fs_err::exists(KEYS)? {
        Ok(())
    } else {
        Err(missing_tool(&format!("Debian's keys, {KEYS}")))
    }
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

fn emulator() -> anyhow::Result<Option<PathBuf>> {
    if cfg!(target_arch = "aarch64") {
        return Ok(None);
    }
    for name in ["qemu-aarch64-static", "qemu-aarch64"] {
        if let Some(path) = search(name)
            && elf::is_static(&fs_err::read(&path)?)
        {
            return Ok(Some(path));
        }
    }
    Err(missing_tool("a static `qemu-aarch64`"))
}

fn need(program: &str) -> anyhow::Result<()> {
    match search(program) {
        Some(_) => Ok(()),
        None => Err(missing_tool(&format!("`{program}`"))),
    }
}

fn missing_tool(what: &str) -> anyhow::Error {
    let message = format!("Debian's packages cannot be used: this machine has no {what}");
    Kind::Unsupported.error(message, format!("install it: {INSTALL}"))
}

fn search(program: &str) -> Option<PathBuf> {
    FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.is_file())
}
