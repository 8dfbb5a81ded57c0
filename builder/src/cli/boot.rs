//! The options of `boot`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Which images to boot, and on what.
#[derive(Clone, Debug, Args)]
pub struct BootOptions {
    /// The images of all nodes, or the folder that build wrote
    #[arg(value_name = "DIR|IMG", default_value = "images")]
    pub targets: Vec<PathBuf>,
    /// The machine QEMU imitates
    #[arg(long, value_name = "MACHINE", default_value = "virt")]
    pub machine: BootMachine,
    /// Boot this arm64 kernel instead of the image's own
    #[arg(long, value_name = "FILE")]
    pub kernel: Option<PathBuf>,
    /// Boot with this initramfs instead of the image's own
    #[arg(long, value_name = "FILE")]
    pub initrd: Option<PathBuf>,
    /// Where the debian-trixie base is, whose kernel `virt` borrows for Raspberry Pi OS
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Look inside with this private key [default: those of ssh]
    #[arg(long, value_name = "FILE")]
    pub ssh_identity: Option<PathBuf>,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 900)]
    pub timeout: u64,
    /// Let the machines run until Ctrl-C, and say how to reach them
    #[arg(long)]
    pub keep: bool,
    /// Show the serial console of this node
    #[arg(long, value_name = "NODE")]
    pub console: Option<String>,
}

/// Machines of qemu-system-aarch64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum BootMachine {
    /// QEMU's own machine; fast, needs a kernel with virtio
    Virt,
    /// A Raspberry Pi 3 B, with the image's own kernel and device tree
    Raspi3b,
    /// A Raspberry Pi 4 B; refused, QEMU's has no network
    Raspi4b,
}
