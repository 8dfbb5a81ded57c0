//! The options of `boot`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::options::{directory, number};

/// Which images to boot, and on what.
#[derive(Clone, Debug, Args)]
pub struct BootOptions {
    /// The images of all nodes, or the directory that contains them
    #[arg(value_name = "DIR|IMG", default_value = "images")]
    pub targets: Vec<PathBuf>,
    /// Emulate this machine
    #[arg(long, value_name = "MACHINE", default_value = "virt")]
    pub machine: BootMachine,
    /// Boot this arm64 kernel instead of the image's own
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// Boot this initramfs instead of the image's own
    #[arg(long, value_name = "FILE")]
    pub initrd: Option<PathBuf>,
    /// Look here for the debian-trixie base, whose kernel boots Raspberry Pi OS
    #[arg(long, value_name = "DIR", value_parser = directory)]
    pub cache: Option<PathBuf>,
    /// Log in to the nodes with this private key [default: those of ssh]
    #[arg(long, value_name = "FILE")]
    pub ssh_identity: Option<PathBuf>,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = number::<u64>)]
    pub timeout: u64,
    /// Keep the machines running until Ctrl-C
    #[arg(long)]
    pub keep: bool,
    /// Show this node's serial console
    #[arg(long, value_name = "NODE")]
    pub console: Option<String>,
}

/// Machines of qemu-system-aarch64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BootMachine {
    /// QEMU's own machine, for kernels with virtio
    Virt,
    /// A Raspberry Pi 3 B with the image's own kernel and device tree
    Raspi3b,
    /// A Raspberry Pi 4 B (refused: QEMU emulates no network for it)
    Raspi4b,
}
