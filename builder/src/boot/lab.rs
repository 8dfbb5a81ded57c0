//! The machines: started, killed and started again, each with a disk that keeps what it wrote.
//!
//! Lives inside the namespace ([`enclosed`](super::enclosed)); the command and the gate tests both use it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result};
use diskimg::ReadFs;

use super::borrowed::Borrowed;
use super::console::Console;
use super::machine::{Hardware, Machine};
use super::network;
use super::node::Node;
use super::program::QEMU;
use super::scratch::{self, Scratch};
use super::setup::Setup;
use crate::etcd::Client;
use crate::failure::{Failure, Kind};
use crate::inspect::Image;

/// The machines of one cluster.
#[derive(Debug)]
pub struct Lab {
    setup: Setup,
    client: Client,
    scratch: Scratch,
    machines: Vec<Powered>,
    /// Locked while we use the images.
    _locks: Vec<File>,
}

/// One machine.
#[derive(Debug)]
struct Powered {
    hardware: Hardware,
    console: Console,
    /// How often it was started.
    starts: u32,
    /// The kernel's command line from the start that follows the installation.
    installed: Option<String>,
    qemu: Option<Child>,
}

impl Lab {
    /// Prepares network, kernels and disks; no machine runs yet.
    pub fn open(setup: Setup) -> Result<Self> {
        let locks: Result<_> = setup.nodes.iter().map(|node| lock(&node.image)).collect();
        let locks = locks?;
        let client = Client::open(&setup.client)?;
        network::make(&setup.nodes)?;
        let mut scratch = Scratch::mount(&setup.paths())?;
        let mut machines = Vec::new();
        for (number, node) in setup.nodes.iter().enumerate() {
            let hardware = hardware(&setup, node, number, &mut scratch);
            let hardware =
                hardware.with_context(|| format!("preparing the machine of {}", node.name))?;
            machines.push(Powered {
                console: Console::new(hardware.console.clone()),
                hardware,
                starts: 0,
                installed: node.installed.clone(),
                qemu: None,
            });
        }
        Ok(Self {
            setup,
            client,
            scratch,
            machines,
            _locks: locks,
        })
    }

    /// What was asked for.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// The nodes, in the order of their cluster.
    pub fn nodes(&self) -> &[Node] {
        &self.setup.nodes
    }

    /// A client of all nodes.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Switches a node on; its disk is as it left it.
    pub fn start(&mut self, name: &str) -> Result<()> {
        let (machine, index) = (self.setup.machine, self.index(name)?);
        let powered = &mut self.machines[index];
        powered.starts += 1;
        let run = format!("{name}-{}", powered.starts);
        powered.hardware.console = self.scratch.path(&format!("{run}.console"));
        powered.console = Console::new(powered.hardware.console.clone());
        let complaints = create(&complaints(&powered.hardware))?;
        let mut command = QEMU.command()?;
        command.args(machine.arguments(&powered.hardware));
        command.stdout(Stdio::null()).stderr(complaints);
        let qemu = command
            .spawn()
            .with_context(|| format!("starting the machine of {name}"))?;
        powered.qemu = Some(qemu);
        Ok(())
    }

    /// Cuts a node's power.
    pub fn kill(&mut self, name: &str) -> Result<()> {
        let index = self.index(name)?;
        if let Some(mut qemu) = self.machines[index].qemu.take() {
            qemu.kill()
                .with_context(|| format!("stopping the machine of {name}"))?;
            qemu.wait()
                .with_context(|| format!("stopping the machine of {name}"))?;
        }
        Ok(())
    }

    /// From its next start on, everything the node writes is noted in the file that is returned, with every flush, in
    /// the format of dm-log-writes. Its disk is the image again, without what was written so far.
    pub fn note_writes(&mut self, name: &str) -> Result<PathBuf> {
        let index = self.index(name)?;
        let node = &self.setup.nodes[index];
        let log = self.scratch.path(&format!("{name}.log"));
        drop(create(&log)?);
        let size = Machine::disk_size(node.size);
        let hardware = &mut self.machines[index].hardware;
        hardware.disk = self.scratch.overlay(name, &node.image, size)?;
        hardware.log = Some(log.clone());
        Ok(log)
    }

    /// From its next start on, the node has an empty disk of that many bytes besides its card. On `virt` its system calls it
    /// `/dev/disk/by-id/virtio-second`; no other machine has it.
    pub fn attach(&mut self, name: &str, size: u64) -> Result<()> {
        let index = self.index(name)?;
        let path = self.scratch.path(&format!("{name}.second"));
        let made = create(&path)?.set_len(size);
        made.with_context(|| format!("making {}", path.display()))?;
        self.machines[index].hardware.second = Some(path);
        Ok(())
    }

    /// The card of a node, as a qcow2 file; for whoever flashes it while the node is off.
    pub fn card(&self, name: &str) -> Result<&Path> {
        let index = self.index(name)?;
        Ok(&self.machines[index].hardware.disk)
    }

    /// Where QEMU answers questions about a running machine (its QMP reference).
    pub fn monitor(&self, name: &str) -> Result<&Path> {
        let index = self.index(name)?;
        Ok(&self.machines[index].hardware.monitor)
    }

    /// What a node says.
    pub fn console(&mut self, name: &str) -> Result<&mut Console> {
        let index = self.index(name)?;
        Ok(&mut self.machines[index].console)
    }

    /// Why a machine that was started does not run any more, in the words of QEMU. One that has installed its system is
    /// started again: QEMU cannot do that itself, since the command line is another then.
    pub fn stopped(&mut self, name: &str) -> Result<Option<String>> {
        let index = self.index(name)?;
        let powered = &mut self.machines[index];
        let Some(qemu) = &mut powered.qemu else {
            return Ok(None);
        };
        let status = qemu.try_wait().context("looking after QEMU")?;
        if status.is_some_and(|status| status.success())
            && let Some(cmdline) = powered.installed.take()
        {
            powered.hardware.cmdline = cmdline;
            return self.start(name).map(|()| None);
        }
        Ok(status.map(|status| {
            let said = fs_err::read_to_string(complaints(&powered.hardware)).unwrap_or_default();
            format!("{status} {}", said.trim())
        }))
    }

    fn index(&self, name: &str) -> Result<usize> {
        let index = self.setup.nodes.iter().position(|node| node.name == name);
        index.ok_or_else(|| {
            let names: Vec<_> = self
                .setup
                .nodes
                .iter()
                .map(|node| node.name.as_str())
                .collect();
            let hint = format!("the nodes are {}", names.join(", "));
            Failure::new(Kind::Usage, format!("there is no node {name}"), hint)
        })
    }
}

/// Machines do not outlive their laboratory, even where no namespace ends with it.
impl Drop for Lab {
    fn drop(&mut self) {
        for qemu in self
            .machines
            .iter_mut()
            .filter_map(|machine| machine.qemu.as_mut())
        {
            let _ = qemu.kill();
            let _ = qemu.wait();
        }
    }
}

fn hardware(setup: &Setup, node: &Node, number: usize, scratch: &mut Scratch) -> Result<Hardware> {
    let (kernel, initrd) = software(setup, node, scratch)?;
    let mut boot = Image::open(&node.image)?.boot()?;
    let device_tree = node.files.device_tree.as_ref();
    let device_tree = device_tree.map(|path| scratch.keep(&read(&mut *boot, path)?));
    Ok(Hardware {
        kernel,
        initrd,
        device_tree: device_tree.transpose()?,
        cmdline: node.cmdline.clone(),
        disk: scratch.overlay(&node.name, &node.image, Machine::disk_size(node.size))?,
        log: None,
        second: None,
        console: scratch.path("off"),
        monitor: scratch.path(&format!("{}.qmp", node.name)),
        tap: network::tap(number),
        mac: network::mac(number),
    })
}

/// Kernel and initramfs: those that were named, the image's own, or borrowed ones.
fn software(
    setup: &Setup,
    node: &Node,
    scratch: &mut Scratch,
) -> Result<(PathBuf, Option<PathBuf>)> {
    if let Some(named) = &setup.kernel {
        let kernel = scratch.keep(&scratch::kernel(fs_err::read(named)?)?)?;
        // Another kernel does not find its modules in the image's initramfs.
        return Ok((kernel, setup.initrd.clone()));
    }
    let (kernel, own) = match &setup.borrowed {
        Some(base) if !node.virtio => {
            let borrowed = Borrowed::read(base)?;
            (borrowed.kernel, Some(borrowed.initrd))
        }
        _ => {
            let boot = &mut *Image::open(&node.image)?.boot()?;
            let initramfs = node.files.initramfs.as_ref();
            let initramfs = initramfs.map(|path| read(boot, path)).transpose()?;
            (read(boot, &node.files.kernel)?, initramfs)
        }
    };
    let kernel = scratch.keep(&scratch::kernel(kernel)?)?;
    let initrd = match (&setup.initrd, own) {
        (Some(named), _) => Some(named.clone()),
        (None, own) => own.map(|bytes| scratch.keep(&bytes)).transpose()?,
    };
    Ok((kernel, initrd))
}

fn read(boot: &mut dyn ReadFs, path: &str) -> Result<Vec<u8>> {
    boot.read(path).with_context(|| format!("reading {path}"))
}

/// Where QEMU's own words go.
fn complaints(hardware: &Hardware) -> PathBuf {
    hardware.console.with_extension("qemu")
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file in memory that ends with the machine"
)]
fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| format!("making {}", path.display()))
}

fn lock(image: &Path) -> Result<File> {
    let context = || format!("opening {}", image.display());
    let file = File::open(image).with_context(context)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(error).with_context(context),
        Err(TryLockError::WouldBlock) => Err(Failure::new(
            Kind::Storage,
            format!(
                "{} is running already, in another `etcd-image boot`",
                image.display()
            ),
            "wait until that one ends, or stop it with Ctrl-C",
        )),
    }
}
