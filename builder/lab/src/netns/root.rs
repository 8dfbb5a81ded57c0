//! The file system that a node sees: this machine's programs below the files of the node's image.

use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context as _, Result};
use rustix::mount::{MountFlags, mount, mount_bind, mount_bind_recursive};

/// What a node is made of.
#[derive(Debug)]
pub(super) struct Parts<'a> {
    /// The files of its image: `etc` and `usr/local`.
    pub(super) image: &'a Path,
    /// What lies on its data partition.
    pub(super) data: &'a Path,
    /// An empty folder to put it together in.
    pub(super) root: &'a Path,
    /// Programs of the node that are replaced by sabotaged ones; the folder may be missing.
    pub(super) sabotaged: &'a Path,
}

/// Where a node's own programs lie.
pub(super) const PROGRAMS: &str = "usr/local/lib/etcd-node";

/// Where the shims lie inside a node.
pub(super) const SHIMS: &str = "/run/lab/bin";

/// Mounts everything and makes it this process's root. `/run` and `/tmp` are new each time.
pub(super) fn enter(parts: &Parts<'_>) -> Result<()> {
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
    new("tmpfs", &at("run"))?;
    shims(parts.root)?;
    // The appliance's clock has been set by a time server.
    fs_err::create_dir_all(at("run/systemd/timesync"))?;
    fs_err::write(at("run/systemd/timesync/synchronized"), "")?;
    rustix::process::chroot(parts.root).context("entering the root")?;
    rustix::process::chdir("/").context("entering the root")
}

fn replace_programs(parts: &Parts<'_>) -> Result<()> {
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

/// This program under the names of the programs it stands in for.
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

/// `/bin` and the like as this machine has them.
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

/// A file system in memory that holds `bytes` at most.
pub(super) fn bounded(at: &Path, bytes: u64) -> Result<()> {
    let size = std::ffi::CString::new(format!("size={bytes},mode=0700"))?;
    mount("tmpfs", at, "tmpfs", MountFlags::empty(), size.as_c_str())
        .with_context(|| format!("mounting a tmpfs at {}", at.display()))
}
