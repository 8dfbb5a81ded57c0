//! The file system that a node sees: this machine's programs below the files of the node's image.

use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::mount::{MountFlags, mount, mount_bind, mount_bind_recursive, mount_remount};

use super::clock;

/// The parts from which a node's root is assembled.
#[derive(Debug)]
pub(super) struct RootParts<'a> {
    /// The files of its image: `etc` and `usr/local`.
    pub(super) image: &'a Path,
    /// The directory with the contents of its data partition.
    pub(super) data: &'a Path,
    /// An empty directory in which the root is assembled.
    pub(super) root: &'a Path,
    /// The sabotaged replacements of the node's programs; the directory may be missing.
    pub(super) sabotaged: &'a Path,
}

/// The directory of a node's own programs.
pub(super) const PROGRAMS: &str = "usr/local/lib/etcd-node";

/// The directory of the shims inside a node.
pub(super) const SHIMS: &str = "/run/lab/bin";

/// The size of `/run`. On a board, it is a share of the memory.
const RUN: u64 = 128 << 20;

/// Mounts everything and makes it this process's root. `/run` and `/tmp` are new each time.
pub(super) fn enter(parts: &RootParts<'_>) -> Result<()> {
    let at = |path: &str| parts.root.join(path);
    for folder in ["usr", "etc", "proc", "dev", "run", "tmp", "var/lib/etcd"] {
        fs_err::create_dir_all(at(folder))?;
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        link_or_bind(name, parts.root)?;
    }
    bind(Path::new("/usr"), &at("usr"))?;
    bind(&parts.image.join("usr/local"), &at("usr/local"))?;
    bind(&parts.image.join("etc"), &at("etc"))?;
    bind(parts.data, &at("var/lib/etcd"))?;
    replace_programs(parts)?;
    mount_bind_recursive("/dev", at("dev")).context("mounting /dev")?;
    new("proc", &at("proc"))?;
    new("tmpfs", &at("tmp"))?;
    bounded(&at("run"), RUN)?;
    shims(parts.root)?;
    if clock::is_wrong() {
        let library = parts.root.join(&clock::LIBRARY[1..]);
        fs_err::write(&library, "")?;
        bind(&clock::library()?, &library)?;
    }
    // A time server has set the appliance's clock.
    fs_err::create_dir_all(at("run/systemd/timesync"))?;
    fs_err::write(at("run/systemd/timesync/synchronized"), "")?;
    rustix::process::chroot(parts.root).context("entering the root")?;
    rustix::process::chdir("/").context("entering the root")
}

fn replace_programs(parts: &RootParts<'_>) -> Result<()> {
    if !parts.sabotaged.exists() {
        return Ok(());
    }
    for entry in fs_err::read_dir(parts.sabotaged)? {
        let program = entry?;
        bind(
            &program.path(),
            &parts.root.join(PROGRAMS).join(program.file_name()),
        )?;
    }
    Ok(())
}

/// Links this program under the names of the programs that it replaces.
fn shims(root: &Path) -> Result<()> {
    let folder = root.join(&SHIMS[1..]);
    fs_err::create_dir_all(&folder)?;
    let program = root.join("run/lab/lab");
    fs_err::write(&program, "")?;
    bind(&std::env::current_exe()?, &program)?;
    for name in ["sleep", "timeout", "systemctl", "sudo"] {
        symlink("/run/lab/lab", folder.join(name))?;
    }
    Ok(())
}

/// Sets up `/bin` and similar directories as on this machine.
fn link_or_bind(name: &str, root: &Path) -> Result<()> {
    let (here, there) = (Path::new("/").join(name), root.join(name));
    if let Ok(target) = std::fs::read_link(&here) {
        let _ = std::fs::remove_file(&there);
        symlink(target, &there)?;
    } else if here.is_dir() {
        fs_err::create_dir_all(&there)?;
        bind(&here, &there)?;
    }
    Ok(())
}

fn bind(from: &Path, to: &Path) -> Result<()> {
    mount_bind(from, to)
        .or_else(|_| mount_bind_recursive(from, to))
        .with_context(|| format!("mounting {} at {}", from.display(), to.display()))
}

fn new(kind: &str, at: &Path) -> Result<()> {
    mount(kind, at, kind, MountFlags::empty(), None)
        .with_context(|| format!("mounting a {kind} at {}", at.display()))
}

/// Mounts a file system in memory that holds at most `bytes`.
pub(super) fn bounded(at: &Path, bytes: u64) -> Result<()> {
    let size = std::ffi::CString::new(format!("size={bytes},mode=0700"))?;
    mount("tmpfs", at, "tmpfs", MountFlags::empty(), size.as_c_str())
        .with_context(|| format!("mounting a tmpfs at {}", at.display()))
}

/// Changes how many bytes a file system of [`bounded`] holds.
pub(super) fn resize(at: &Path, bytes: u64) -> Result<()> {
    let size = std::ffi::CString::new(format!("size={bytes}"))?;
    mount_remount(at, MountFlags::empty(), size.as_c_str())
        .with_context(|| format!("resizing the tmpfs at {}", at.display()))
}
