//! The programs of this machine that the making needs; everything else comes from the same Debian as the image.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::failure::{Failure, Kind};

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

/// What was found.
#[derive(Debug)]
pub(super) struct Tools {
    /// An emulator without libraries of its own; none where arm64 is the machine's own architecture.
    pub(super) emulator: Option<PathBuf>,
    /// Whether a user namespace is needed to be root in.
    pub(super) needs_user_namespace: bool,
}

/// Looks for everything that making the base needs, before anything is started.
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

/// Looks for what downloading packages needs.
pub(super) fn find_apt() -> anyhow::Result<()> {
    if !cfg!(target_os = "linux") {
        let message = "Debian's packages are downloaded with apt, on Linux only";
        let hint = "use a base that is downloaded (`etcd-image recipes`) and a release of etcd (`--etcd 3.6.14`)";
        return Err(Failure::new(Kind::Unsupported, message, hint));
    }
    need("apt-get")?;
    if Path::new(KEYS).exists() {
        Ok(())
    } else {
        Err(missing(&format!("Debian's keys, {KEYS}")))
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
            && is_static(&path).with_context(|| format!("reading {}", path.display()))?
        {
            return Ok(Some(path));
        }
    }
    Err(missing("a static `qemu-aarch64`"))
}

fn need(program: &str) -> anyhow::Result<()> {
    match search(program) {
        Some(_) => Ok(()),
        None => Err(missing(&format!("`{program}`"))),
    }
}

fn missing(what: &str) -> anyhow::Error {
    let message = format!("Debian's packages cannot be used: this machine has no {what}");
    Failure::new(Kind::Unsupported, message, format!("install it: {INSTALL}"))
}

fn search(program: &str) -> Option<PathBuf> {
    FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.is_file())
}

/// A program that names no interpreter (the program header of type 3, `PT_INTERP`) needs no libraries.
fn is_static(path: &Path) -> std::io::Result<bool> {
    let mut head = Vec::new();
    File::open(path)?.take(4096).read_to_end(&mut head)?;
    Ok(!names_interpreter(&head))
}

fn names_interpreter(elf: &[u8]) -> bool {
    const HEADERS: usize = 0x40; // where a 64-bit ELF file has its program headers, in all practice
    const HEADER_SIZE: usize = 0x38;
    let count = elf.get(0x38).copied().map_or(0, usize::from);
    elf.iter()
        .skip(HEADERS)
        .step_by(HEADER_SIZE)
        .take(count)
        .any(|&kind| kind == 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(kinds: &[u8]) -> Vec<u8> {
        let mut elf = vec![0; 0x40 + 0x38 * kinds.len()];
        elf[0x38] = u8::try_from(kinds.len()).unwrap();
        for (place, kind) in kinds.iter().enumerate() {
            elf[0x40 + 0x38 * place] = *kind;
        }
        elf
    }

    #[test]
    fn tells_static_from_dynamic_programs() {
        assert!(names_interpreter(&program(&[6, 3, 1])));
        assert!(!names_interpreter(&program(&[1, 1, 4])));
        assert!(!names_interpreter(b"#!/bin/sh"));
    }
}
