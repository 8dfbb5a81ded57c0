//! The machines QEMU can imitate, and the words that start one.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::cli::BootMachine;
use crate::failure::{Failure, Kind};
use crate::spec::DATA_START;

/// A machine that boots our images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Machine {
    /// QEMU's own machine: virtio disk and network, no real counterpart, fast.
    Virt,
    /// A Raspberry Pi 3 B with its SD card; the network is an adapter on USB.
    Raspi3b,
}

/// What one machine is started with.
#[derive(Debug)]
pub(super) struct Hardware {
    pub(super) kernel: PathBuf,
    pub(super) initrd: Option<PathBuf>,
    pub(super) device_tree: Option<PathBuf>,
    pub(super) cmdline: String,
    /// A qcow2 file.
    pub(super) disk: PathBuf,
    /// Where all that is written is noted besides, with every flush.
    pub(super) log: Option<PathBuf>,
    /// A second disk, as raw bytes; not every machine can have one.
    pub(super) second: Option<PathBuf>,
    /// What comes out of the serial port.
    pub(super) console: PathBuf,
    /// A socket on which QEMU answers questions.
    pub(super) monitor: PathBuf,
    /// Name of the network device on our side.
    pub(super) tap: String,
    /// Hardware address of the network device on the node's side.
    pub(super) mac: String,
}

impl Machine {
    /// The machine that was asked for; some cannot work.
    pub(super) fn new(wanted: BootMachine) -> Result<Self> {
        match wanted {
            BootMachine::Virt => Ok(Self::Virt),
            BootMachine::Raspi3b => Ok(Self::Raspi3b),
            BootMachine::Raspi4b => Err(Failure::new(
                Kind::Unsupported,
                "QEMU's raspi4b has no network and no PCI Express, and kernels panic on it",
                "use `--machine raspi3b` for the image's own kernel and device tree, or `--machine virt`",
            )),
        }
    }

    /// The board whose sections of `config.txt` hold.
    pub(super) fn board(self) -> &'static str {
        match self {
            Self::Virt => "pi4",
            Self::Raspi3b => "pi3",
        }
    }

    /// Device trees to look for on the boot partition, best first; `virt` brings its own.
    pub(super) fn device_trees(self, upstream: bool) -> &'static [&'static str] {
        match (self, upstream) {
            (Self::Virt, _) => &[],
            (_, true) => &["/bcm2837-rpi-3-b-plus.dtb", "/bcm2837-rpi-3-b.dtb"],
            (_, false) => &["/bcm2710-rpi-3-b-plus.dtb", "/bcm2710-rpi-3-b.dtb"],
        }
    }

    /// Size of the disk for an image of this size: a card has a power of two (QEMU insists for SD), is larger than the
    /// image and has room behind the place where data begins. It takes up only what is written.
    pub(super) fn disk_size(image: u64) -> u64 {
        image.max(DATA_START).saturating_add(1).next_power_of_two()
    }

    /// The arguments of `qemu-system-aarch64`.
    pub(super) fn arguments(self, hardware: &Hardware) -> Vec<OsString> {
        let mut words = Words::default();
        // Without `-no-reboot` a panicking kernel would start over and over.
        words.add("-nodefaults -no-reboot -display none -monitor none");
        words.path("-kernel", &hardware.kernel);
        if let Some(initrd) = &hardware.initrd {
            words.path("-initrd", initrd);
        }
        if let Some(device_tree) = &hardware.device_tree {
            words.path("-dtb", device_tree);
        }
        words
            .0
            .extend(["-append".into(), hardware.cmdline.clone().into()]);
        let (disk, console) = (drive(hardware), hardware.console.display());
        let monitor = hardware.monitor.display();
        words.add(&format!("-qmp unix:{monitor},server=on,wait=off"));
        let (tap, mac) = (&hardware.tap, &hardware.mac);
        words.add(&format!(
            "-netdev tap,id=net,ifname={tap},script=no,downscript=no"
        ));
        match self {
            Self::Virt => {
                words.add("-M virt -cpu cortex-a72 -smp 1 -m 768");
                words.add(&format!("-drive {disk},if=none,id=card"));
                words.add("-device virtio-blk-pci,drive=card");
                if let Some(second) = &hardware.second {
                    let second = second.display();
                    words.add(&format!(
                        "-drive file={second},format=raw,if=none,id=second"
                    ));
                    words.add("-device virtio-blk-pci,drive=second,serial=second");
                }
                // No boot from the network: no option ROM is needed.
                words.add(&format!(
                    "-device virtio-net-pci,netdev=net,romfile=,mac={mac}"
                ));
                words.add(&format!("-serial file:{console}"));
            }
            Self::Raspi3b => {
                words.add("-M raspi3b -m 1G");
                words.add(&format!("-drive {disk},if=sd"));
                words.add(&format!("-device usb-net,netdev=net,mac={mac}"));
                // The first port is the PL011, the second the mini UART; one of them is the console.
                words.add(&format!("-chardev file,id=port,path={console},mux=on"));
                words.add("-serial chardev:port -serial chardev:port");
            }
        }
        words.0
    }
}

/// What holds the disk, with QEMU's `blklogwrites` over it if writes are noted.
fn drive(hardware: &Hardware) -> String {
    let disk = hardware.disk.display();
    match &hardware.log {
        None => format!("file={disk},format=qcow2"),
        Some(log) => format!(
            "driver=blklogwrites,file.driver=qcow2,file.file.driver=file,file.file.filename={disk},\
             log.driver=file,log.filename={}",
            log.display()
        ),
    }
}

/// Words of a command line.
#[derive(Default)]
struct Words(Vec<OsString>);

impl Words {
    fn add(&mut self, words: &str) {
        self.0.extend(words.split(' ').map(OsString::from));
    }

    fn path(&mut self, option: &str, path: &PathBuf) {
        self.0.extend([option.into(), path.into()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(machine: Machine) -> String {
        let hardware = Hardware {
            kernel: "k".into(),
            initrd: Some("i".into()),
            device_tree: None,
            cmdline: "root=x quiet".to_owned(),
            disk: "d".into(),
            log: None,
            second: None,
            console: "c".into(),
            monitor: "m".into(),
            tap: "tap0".to_owned(),
            mac: "b8:27:eb:00:00:01".to_owned(),
        };
        let words = machine.arguments(&hardware);
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        words.join("|")
    }

    #[test]
    fn the_command_line_is_one_word() {
        assert!(words(Machine::Virt).contains("|-append|root=x quiet|"));
    }

    #[test]
    fn raspi3b_has_a_card_and_usb() {
        let words = words(Machine::Raspi3b);
        assert!(words.contains("if=sd") && words.contains("usb-net") && !words.contains("virtio"));
    }

    #[test]
    fn cards_are_powers_of_two_and_larger_than_the_image() {
        let size = Machine::disk_size;
        assert_eq!(size(1_459_617_792), 16 << 30);
        assert_eq!(size(16 << 30), 32 << 30);
    }

    #[test]
    fn raspi4b_is_refused_with_its_reason() {
        let error = Machine::new(BootMachine::Raspi4b).unwrap_err();
        let failure: &Failure = error.downcast_ref().unwrap();
        assert_eq!(failure.kind, Kind::Unsupported);
        assert!(failure.message.contains("no network"));
    }
}
