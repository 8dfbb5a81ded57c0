//! The kernel's command line: the image's own `cmdline.txt` with only what QEMU needs.

use super::machine::Machine;

/// An emulated processor is so slow that systemd would give up a disk it waits for (90 seconds by default).
const PATIENCE: &str =
    "systemd.default_device_timeout_sec=600 systemd.default_timeout_start_sec=600";

/// The image's command line and what is appended to it. Nothing is taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cmdline {
    own: String,
    added: String,
}

impl Cmdline {
    /// `text` is `cmdline.txt`, of which the firmware reads one line; `upstream` says whose kernel it is.
    pub(super) fn new(text: &str, machine: Machine, upstream: bool) -> Self {
        // QEMU's Raspberry Pi does not count its watchdog down: setting it is a reset.
        let hardware = match (machine, upstream) {
            // The firmware would have replaced serial0 by the real name of the port.
            (Machine::Virt, _) => "console=ttyAMA0,115200",
            (Machine::Raspi3b, true) => "console=ttyS1,115200 systemd.watchdog_sec=0",
            // Raspberry Pi's own USB driver uses fast interrupts, which QEMU does not have.
            (Machine::Raspi3b, false) => {
                "console=ttyAMA0,115200 dwc_otg.fiq_fsm_enable=0 dwc_otg.lpm_enable=0 net.ifnames=0 \
                 systemd.watchdog_sec=0"
            }
        };
        Self {
            own: text.lines().next().unwrap_or_default().trim().to_owned(),
            added: format!("{hardware} {PATIENCE}"),
        }
    }

    /// What the kernel gets.
    pub(super) fn whole(&self) -> String {
        format!("{} {}", self.own, self.added)
            .trim_start()
            .to_owned()
    }

    /// What the image does not have.
    pub(super) fn added(&self) -> &str {
        &self.added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_s_words_stay_first_and_whole() {
        let own = "console=serial0,115200 root=PARTUUID=1-02 rootwait";
        let cmdline = Cmdline::new(&format!("{own}\nsecond line\n"), Machine::Virt, true);
        assert_eq!(cmdline.whole(), format!("{own} {}", cmdline.added()));
        assert_eq!(
            cmdline.added(),
            format!("console=ttyAMA0,115200 {PATIENCE}")
        );
    }

    #[test]
    fn each_kernel_names_the_serial_port_of_raspi3b_in_its_way() {
        let added = |upstream| Cmdline::new("", Machine::Raspi3b, upstream).whole();
        assert!(added(true).starts_with("console=ttyS1,115200 systemd."));
        assert!(added(false).starts_with("console=ttyAMA0,115200 dwc_otg."));
    }
}
