//! The properties of a node that its machine needs.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::fault::{Fault, FaultKind};
use super::network::GuestInterface;

/// A node as its machine sees it.
#[derive(Debug)]
pub struct Guest {
    /// The name by which the machine is started and stopped.
    pub name: String,
    /// The image, which is only read.
    pub image: LockedImage,
    /// Size of the disk in bytes: a power of two, larger than the image.
    pub disk_size: u64,
    /// The network interface of the node.
    pub interface: GuestInterface,
    /// An arm64 kernel in the form that QEMU loads; see [`kernel`](super::kernel()).
    pub kernel: PathBuf,
    /// Its initramfs.
    pub initrd: Option<PathBuf>,
    /// The device tree, for machines without one of their own.
    pub device_tree: Option<PathBuf>,
    /// The kernel's command line.
    pub cmdline: String,
    /// The command line after the installation, if the first start only installs the system.
    pub installed: Option<String>,
}

/// An image that no other laboratory boots while this value exists.
#[derive(Debug)]
pub struct LockedImage {
    path: PathBuf,
    _lock: File,
}

impl LockedImage {
    /// Locks the image at an absolute path.
    pub fn open(path: &Path) -> Result<Self> {
        let context = || format!("opening {}", path.display());
        let file = File::open(path).with_context(context)?;
        match file.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: file,
            }),
            Err(TryLockError::Error(error)) => Err(error).with_context(context),
            Err(TryLockError::WouldBlock) => Err(Fault::new(
                FaultKind::Storage,
                format!(
                    "{} is running already, in another `etcd-image boot`",
                    path.display()
                ),
                "wait until that one ends, or stop it with Ctrl-C",
            )),
        }
    }

    /// Returns the path of the image.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
