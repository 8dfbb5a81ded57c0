//! The machines that QEMU emulates, and the command lines that start them.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Options for long timeouts: on an emulated processor, systemd would give up on a slow disk (90 seconds by default).
const LONG_TIMEOUTS: &str =
    "systemd.default_device_timeout_sec=600 systemd.default_timeout_start_sec=600";

/// A machine that boots node images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Machine {
    /// QEMU's own machine: virtio disk and network, no physical counterpart, fast.
    Virt,
    /// A Raspberry Pi 3 B with its SD card and a USB network adapter.
    Raspi3b,
}

/// The configuration with which a machine is started.
#[derive(Debug)]
pub(super) struct Hardware {
    pub(super) kernel: PathBuf,
    pub(super) initrd: Option<PathBuf>,
    pub(super) device_tree: Option<PathBuf>,
    pub(super) cmdline: String,
    /// The disk, a qcow2 file.
    pub(super) disk: PathBuf,
    /// The log of all writes and flushes, if they are logged.
    pub(super) log: Option<PathBuf>,
    /// A second disk with raw bytes, which not every machine supports.
    pub(super) second: Option<PathBuf>,
    /// The time of the clock chip at each start, e.g. `2020-01-01T00:00:00`; the host's time if there is none.
    pub(super) clock: Option<&'static str>,
    /// The file that receives the output of the serial port.
    pub(super) console: PathBuf,
    /// The socket of QEMU's monitor.
    pub(super) monitor: PathBuf,
    /// The name of the network device on the host's side.
    pub(super) tap: String,
    /// The hardware address of the network device on the node's side.
    pub(super) mac: String,
}

impl Machine {
    /// Returns the board whose sections of `config.txt` apply.
    pub fn board(self) -> &'static str {
        match self {
            Self::Virt => "pi4",
            Self::Raspi3b => "pi3",
        }
    }

    /// Returns the device trees to look for on the boot partition, best first; `virt` has its own.
    pub fn device_trees(self, upstream: bool) -> &'static [&'static str] {
        match (self, upstream) {
            (Self::Virt, _) => &[],
            (_, true) => &["/bcm2837-rpi-3-b-plus.dtb", "/bcm2837-rpi-3-b.dtb"],
            (_, false) => &["/bcm2710-rpi-3-b-plus.dtb", "/bcm2710-rpi-3-b.dtb"],
        }
    }

    /// Returns the options to add to the image's kernel command line; `upstream` states whether the kernel is upstream's.
    pub fn cmdline_additions(self, upstream: bool) -> String {
        // QEMU's Raspberry Pi does not implement the watchdog's countdown: setting it causes a reset. It has no VideoCore
        // either, and the driver that looks for one uses memory it has freed after the search fails: now and then that
        // stops the kernel.
        let hardware = match (self, upstream) {
            // The firmware would replace serial0 by the actual name of the port.
            (Self::Virt, _) => "console=ttyAMA0,115200",
            (Self::Raspi3b, true) => {
                "console=ttyS1,115200 systemd.watchdog_sec=0 module_blacklist=vchiq"
            }
            // Raspberry Pi's own USB driver uses fast interrupts, which QEMU does not support.
            (Self::Raspi3b, false) => {
                "console=ttyAMA0,115200 dwc_otg.fiq_fsm_enable=0 dwc_otg.lpm_enable=0 net.ifnames=0 \
                 systemd.watchdog_sec=0 module_blacklist=vchiq"
            }
        };
        format!("{hardware} {LONG_TIMEOUTS}")
    }

    /// Returns the arguments of `qemu-system-aarch64`.
    pub(super) fn arguments(self, hardware: &Hardware) -> Vec<OsString> {
        let mut words = Words::default();
        // Without `-no-reboot` a panicking kernel would restart endlessly.
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
        if let Some(clock) = hardware.clock {
            words.add(&format!("-rtc base={clock}"));
        }
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
                // The machine does not boot from the network and needs no option ROM.
                words.add(&format!(
                    "-device virtio-net-pci,netdev=net,romfile=,mac={mac}"
                ));
                words.add(&format!("-serial file:{console}"));
            }
            Self::Raspi3b => {
                words.add("-M raspi3b -m 1G");
                words.add(&format!("-drive {disk},if=sd"));
                words.add(&format!("-device usb-net,netdev=net,mac={mac}"));
                // The first port is the PL011, the second the mini UART; either can be the console.
                words.add(&format!("-chardev file,id=port,path={console},mux=on"));
                words.add("-serial chardev:port -serial chardev:port");
            }
        }
        words.0
    }
}

/// Returns the drive of the disk, with QEMU's `blklogwrites` on top if writes are logged.
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

/// The words of a command line.
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
            clock: None,
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
    fn each_kernel_names_the_serial_port_of_raspi3b_in_its_way() {
        let added = |upstream| Machine::Raspi3b.cmdline_additions(upstream);
        assert!(added(true).starts_with("console=ttyS1,115200 systemd."));
        assert!(added(false).starts_with("console=ttyAMA0,115200 dwc_otg."));
    }
}
