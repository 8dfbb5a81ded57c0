//! The machines of a cluster, and the client that talks to the services on them.
//!
//! Runs inside the namespaces ([`enclosed`](lab::qemu::enclosed)); used by the command and by the boot tests.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use diskimg::ReadFs;
use lab::qemu::{self, Guest, GuestInterface, LockedImage, Machines, Scratch};

use super::debian_kernel::DebianKernel;
use super::node::BootNode;
use super::setup::Setup;
use crate::etcd::{Client, Timeouts};
use crate::file;
use crate::inspect::Image;
use crate::spec::DATA_START;

/// A cluster in the laboratory.
#[derive(Debug)]
pub struct BootLab {
    /// The machines, by the names of the nodes.
    pub machines: Machines,
    setup: Setup,
    client: Client,
}

impl BootLab {
    /// Prepares network, kernels and disks, without starting a machine.
    pub fn open(setup: Setup) -> Result<Self> {
        let client = Client::open(&setup.client, Timeouts::LABORATORY)?;
        let mut scratch = Scratch::mount(&setup.paths())?;
        let mut guests = Vec::new();
        for node in &setup.nodes {
            let image = LockedImage::open(&node.raw)?;
            let guest = guest(&setup, node, image, &mut scratch);
            guests.push(guest.with_context(|| format!("preparing the machine of {}", node.name))?);
        }
        Ok(Self {
            machines: Machines::open(setup.machine, scratch, guests)?,
            setup,
            client,
        })
    }

    /// Returns the setup.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Returns the nodes, in the order of their cluster.
    pub fn nodes(&self) -> &[BootNode] {
        &self.setup.nodes
    }

    /// Returns a client of all nodes.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

fn guest(
    setup: &Setup,
    node: &BootNode,
    image: LockedImage,
    scratch: &mut Scratch,
) -> Result<Guest> {
    let (kernel, initrd) = kernel_and_initrd(setup, node, scratch)?;
    let mut boot = Image::open(&node.raw)?.boot()?;
    let device_tree = node.files.device_tree.as_ref();
    let device_tree = device_tree.map(|path| scratch.keep(&read_boot_file(&mut *boot, path)?));
    Ok(Guest {
        name: node.name.clone(),
        image,
        disk_size: disk_size(node.size),
        interface: GuestInterface {
            address: node.address,
            prefix: node.prefix,
            gateway: node.gateway,
        },
        kernel,
        initrd,
        device_tree: device_tree.transpose()?,
        cmdline: node.cmdline.clone(),
        installed: node.installed.clone(),
    })
}

/// Returns the size of the disk for an image of this size: a power of two (QEMU requires that for SD), larger than the
/// image and with space after the start of the data. Only written blocks take up space.
fn disk_size(image: u64) -> u64 {
    image.max(DATA_START).saturating_add(1).next_power_of_two()
}

/// Returns kernel and initramfs: the named ones, the image's own, or those of Debian.
fn kernel_and_initrd(
    setup: &Setup,
    node: &BootNode,
    scratch: &mut Scratch,
) -> Result<(PathBuf, Option<PathBuf>)> {
    if let Some(named) = &setup.kernel {
        let kernel = scratch.keep(&qemu::kernel(file::read(named)?)?)?;
        // Another kernel cannot find its modules in the image's initramfs.
        return Ok((kernel, setup.initrd.clone()));
    }
    let (kernel, own) = match &setup.debian_base {
        Some(base) if !node.virtio => {
            let debian = DebianKernel::read(base)?;
            (debian.kernel, Some(debian.initrd))
        }
        _ => {
            let boot = &mut *Image::open(&node.raw)?.boot()?;
            let initramfs = node.files.initramfs.as_ref();
            let initramfs = initramfs
                .map(|path| read_boot_file(boot, path))
                .transpose()?;
            (read_boot_file(boot, &node.files.kernel)?, initramfs)
        }
    };
    let kernel = scratch.keep(&qemu::kernel(kernel)?)?;
    let initrd = match (&setup.initrd, own) {
        (Some(named), _) => Some(named.clone()),
        (None, own) => own.map(|bytes| scratch.keep(&bytes)).transpose()?,
    };
    Ok((kernel, initrd))
}

fn read_boot_file(boot: &mut dyn ReadFs, path: &str) -> Result<Vec<u8>> {
    boot.read(path).with_context(|| format!("reading {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_powers_of_two_and_larger_than_the_image() {
        assert_eq!(disk_size(1_459_617_792), 16 << 30);
        assert_eq!(disk_size(16 << 30), 32 << 30);
    }
}
