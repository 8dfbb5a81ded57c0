//! The machines of a cluster, which can be started and killed repeatedly; each disk keeps what was written to it.
//!
//! This module runs inside the namespaces ([`enclosed`](super::enclosed)).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result};

use super::console::Console;
use super::fault::{Fault, FaultKind};
use super::guest::Guest;
use super::machine::{Hardware, Machine};
use super::network;
use super::program::QEMU;
use super::scratch::Scratch;

/// The machines of one cluster.
#[derive(Debug)]
pub struct Machines {
    machine: Machine,
    scratch: Scratch,
    guests: Vec<Guest>,
    powered: Vec<Powered>,
}

/// One machine, on or off.
#[derive(Debug)]
struct Powered {
    hardware: Hardware,
    console: Console,
    /// The number of starts.
    starts: u32,
    /// The kernel's command line for the start after the installation.
    installed: Option<String>,
    qemu: Option<Child>,
}

impl Machines {
    /// Prepares the network and the disks; no machine runs yet.
    pub fn open(machine: Machine, scratch: Scratch, guests: Vec<Guest>) -> Result<Self> {
        let interfaces: Vec<_> = guests.iter().map(|guest| guest.interface).collect();
        network::make(&interfaces)?;
        let mut powered = Vec::new();
        for (number, guest) in guests.iter().enumerate() {
            let hardware = hardware(guest, number, &scratch)
                .with_context(|| format!("preparing the machine of {}", guest.name))?;
            powered.push(Powered {
                console: Console::new(hardware.console.clone()),
                hardware,
                starts: 0,
                installed: guest.installed.clone(),
                qemu: None,
            });
        }
        Ok(Self {
            machine,
            scratch,
            guests,
            powered,
        })
    }

    /// Switches a node on; its disk is unchanged since its last run.
    pub fn start(&mut self, name: &str) -> Result<()> {
        let (machine, index) = (self.machine, self.index(name)?);
        let powered = &mut self.powered[index];
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
        if let Some(mut qemu) = self.powered[index].qemu.take() {
            qemu.kill()
                .with_context(|| format!("stopping the machine of {name}"))?;
            qemu.wait()
                .with_context(|| format!("stopping the machine of {name}"))?;
        }
        Ok(())
    }

    /// Logs all writes and flushes of the node from its next start on, and returns the file of the log, in the format of
    /// dm-log-writes. Resets the disk to the image: earlier writes are lost.
    pub fn note_writes(&mut self, name: &str) -> Result<PathBuf> {
        let index = self.index(name)?;
        let guest = &self.guests[index];
        let log = self.scratch.path(&format!("{name}.log"));
        drop(create(&log)?);
        let hardware = &mut self.powered[index].hardware;
        hardware.disk = self
            .scratch
            .overlay(name, guest.image.path(), guest.disk_size)?;
        hardware.log = Some(log.clone());
        Ok(log)
    }

    /// Adds an empty second disk of `size` bytes from the node's next start on. On `virt` the node's system names it
    /// `/dev/disk/by-id/virtio-second`; no other machine supports it.
    pub fn attach(&mut self, name: &str, size: u64) -> Result<()> {
        let index = self.index(name)?;
        let path = self.scratch.path(&format!("{name}.second"));
        let made = create(&path)?.set_len(size);
        made.with_context(|| format!("making {}", path.display()))?;
        self.powered[index].hardware.second = Some(path);
        Ok(())
    }

    /// Lets a node's clock chip show this UTC time at each start from now on, e.g. `2020-01-01T00:00:00`, like a board that has
    /// no clock chip and begins in the past.
    pub fn set_clock(&mut self, name: &str, time: &'static str) -> Result<()> {
        let index = self.index(name)?;
        self.powered[index].hardware.clock = Some(time);
        Ok(())
    }

    /// Returns the card of a node, a qcow2 file that can be flashed while the node is off.
    pub fn card(&self, name: &str) -> Result<&Path> {
        let index = self.index(name)?;
        Ok(&self.powered[index].hardware.disk)
    }

    /// Returns the socket of a running machine's monitor (see QEMU's QMP reference).
    pub fn monitor(&self, name: &str) -> Result<&Path> {
        let index = self.index(name)?;
        Ok(&self.powered[index].hardware.monitor)
    }

    /// Returns the console of a node.
    pub fn console(&mut self, name: &str) -> Result<&mut Console> {
        let index = self.index(name)?;
        Ok(&mut self.powered[index].console)
    }

    /// Returns why a started machine no longer runs, in QEMU's words. A machine that has installed its system is restarted
    /// here, because QEMU cannot restart it with another command line.
    pub fn stopped(&mut self, name: &str) -> Result<Option<String>> {
        let index = self.index(name)?;
        let powered = &mut self.powered[index];
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
        let index = self.guests.iter().position(|guest| guest.name == name);
        index.ok_or_else(|| {
            let names = self.guests.iter().map(|guest| guest.name.as_str());
            let hint = format!("the nodes are {}", names.collect::<Vec<_>>().join(", "));
            Fault::new(FaultKind::Usage, format!("there is no node {name}"), hint)
        })
    }
}

/// Kills the machines, which must not outlive their laboratory even if no namespace ends with it.
impl Drop for Machines {
    fn drop(&mut self) {
        for qemu in self
            .powered
            .iter_mut()
            .filter_map(|machine| machine.qemu.as_mut())
        {
            let _ = qemu.kill();
            let _ = qemu.wait();
        }
    }
}

fn hardware(guest: &Guest, number: usize, scratch: &Scratch) -> Result<Hardware> {
    Ok(Hardware {
        kernel: guest.kernel.clone(),
        initrd: guest.initrd.clone(),
        device_tree: guest.device_tree.clone(),
        cmdline: guest.cmdline.clone(),
        disk: scratch.overlay(&guest.name, guest.image.path(), guest.disk_size)?,
        log: None,
        second: None,
        clock: None,
        console: scratch.path("off"),
        monitor: scratch.path(&format!("{}.qmp", guest.name)),
        tap: network::tap(number),
        mac: network::mac(number),
    })
}

/// Returns the file of QEMU's own messages.
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
