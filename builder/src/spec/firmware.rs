//! `[firmware]`: further settings of the Raspberry Pi's firmware and arguments of the kernel.

use super::complaints::Complaints;
use super::machine::Firmware;
use super::table::Table;

/// Settings of `config.txt` that decide what boots, which the base and this program know.
const BOOTS: &str = "
    arm_64bit arm_control auto_initramfs boot_load_flags boot_ramdisk cmdline device_tree device_tree_address device_tree_end
    fixup_file fixup_x initramfs kernel kernel_address kernel_old os_prefix overlay_prefix ramfsaddr
    ramfsfile start_file start_x tryboot_a_b upstream_kernel";

/// Arguments of the kernel that decide what boots, what a node is or how its network interface is called, or that this program
/// sets.
const SET: &str = "
    biosdevname boot break cfg80211.ieee80211_regdom cgroup_disable cloud-init ds fsck.mode fsck.repair init initrd mem
    net.ifnames network-config noinitrd panic rdinit ro root rootdelay rootflags rootfstype rootwait rw systemd.hostname
    systemd.machine_id systemd.mask systemd.run systemd.unit systemd.volatile systemd.wants";

/// The argument with which Debian's package of this name lays memory over the root, and over the data below it.
const OVERLAYROOT: &str = "overlayroot";

/// The argument with which the kernel itself sets an address, which `NetworkManager` then leaves as it is.
const NETWORK: &str = "ip";

/// The argument without which the kernel has no IPv6.
const WITHOUT_IPV6: &str = "ipv6.disable=1";

/// The argument that disables cloud-init, as a build does on every base but Ubuntu. The check of finished images refuses it there.
const WITHOUT_CLOUD_INIT: &str = "cloud-init=disabled";

/// Words for which systemd starts a rescue shell instead of the node's programs (systemd(1)).
const RESCUE: &str = "single s S 1 rescue emergency -b";

/// Arguments that name modules which the kernel then does not load.
const WITHOUT_MODULES: [&str; 2] = ["module_blacklist", "modprobe.blacklist"];

/// The driver of the boards' radio.
const RADIO: &str = "brcmfmac";

/// Overlays of `config.txt` that disable the radio.
const WITHOUT_RADIO: [&str; 3] = ["disable-wifi", "disable-wifi-pi5", "pi3-disable-wifi"];

/// Modules that a node needs, if its kernel has them as modules: its card, its file systems, its wired interface, its firewall.
const MODULES: &str = "
    bcmgenet ext4 fat genet jbd2 lan78xx macb mbcache mmc_block mmc_core nf_tables overlay sdhci sdhci_brcmstb sdhci_iproc
    smsc95xx vfat";

/// Returns whether systemd starts a rescue shell for this argument of the kernel.
pub(crate) fn is_rescue(argument: &str) -> bool {
    contains(RESCUE, argument)
}

/// Returns the module that a node needs and that this argument of the kernel excludes.
pub(crate) fn needed_module(argument: &str) -> Option<&str> {
    let (name, list) = argument.split_once('=')?;
    let mut modules = list.split(',').filter(|module| is_needed(module));
    modules.next().filter(|_| WITHOUT_MODULES.contains(&name))
}

/// Returns whether a node with a wired interface needs the module.
pub(crate) fn is_needed(module: &str) -> bool {
    contains(MODULES, &module.replace('-', "_"))
}

/// Returns whether Debian's overlayroot(8) acts on this argument.
pub(crate) fn lays_memory_over_root(argument: &str) -> bool {
    let value = argument
        .split_once('=')
        .filter(|(name, _)| *name == OVERLAYROOT);
    value.is_some_and(|(_, value)| !["", "disabled"].contains(&value))
}

/// Returns whether the kernel sets an address itself for this argument.
pub(crate) fn sets_address(argument: &str) -> bool {
    let value = argument
        .split_once('=')
        .filter(|(name, _)| *name == NETWORK);
    value.is_some_and(|(_, value)| !["", "none", "off"].contains(&value))
}

/// Returns whether the kernel has no IPv6 for this argument.
pub(crate) fn disables_ipv6(argument: &str) -> bool {
    argument == WITHOUT_IPV6
}

/// Complains about an argument that disables IPv6, which the nodes of this cluster need.
pub(super) fn check_ipv6(table: &Table, log: &mut Complaints) {
    let arguments = table.texts("cmdline").into_iter();
    for argument in arguments.filter(|it| disables_ipv6(it.value)) {
        let message = format!(
            "`{}`: the nodes have IPv6 addresses; remove it",
            argument.value
        );
        log.add(argument.place, message);
    }
}

/// Returns warnings about lines that disable the boards' own radio, although the nodes use Wi-Fi: a USB adapter may take its place.
pub(super) fn warnings(firmware: &Firmware, has_wifi: bool) -> Vec<String> {
    let is_overlay = |line: &&String| line.strip_prefix("dtoverlay=").is_some_and(disables_radio);
    let lines = firmware.config.iter().filter(is_overlay);
    let arguments = firmware.cmdline.iter().filter(|it| excludes_radio(it));
    let all = lines.chain(arguments).filter(|_| has_wifi);
    let warning = |text: &String| {
        format!("`{text}` disables the boards' own radio: [network.wifi] needs a USB adapter")
    };
    all.map(warning).collect()
}

/// Returns whether an overlay of `config.txt`, with its parameters, disables the radio.
fn disables_radio(overlay: &str) -> bool {
    let name = overlay.split(',').next().unwrap_or_default();
    WITHOUT_RADIO.contains(&name)
}

/// Returns whether this argument of the kernel excludes the driver of the radio.
fn excludes_radio(argument: &str) -> bool {
    let excluded = argument
        .split_once('=')
        .filter(|(name, _)| WITHOUT_MODULES.contains(name));
    excluded.is_some_and(|(_, list)| list.split(',').any(|module| module == RADIO))
}

/// Reads the table.
pub(super) fn read(table: &Table) -> Firmware {
    Firmware {
        config: table.owned_texts("config"),
        cmdline: table.owned_texts("cmdline"),
    }
}

/// Checks a line of `config.txt`.
pub(super) fn config_line(line: &str) -> Result<(), String> {
    let name = line.split_once('=').map(|(name, _)| name);
    let plain = |name: &str| {
        name.chars()
            .all(|c| c.is_ascii_alphanumeric() || "_:.".contains(c))
    };
    match name {
        _ if line.starts_with('[') => Err(format!(
            "`{line}` is a filter: lines for one board belong in a file of firmware/"
        )),
        Some(name) if contains(BOOTS, name) => Err(format!(
            "`{line}`: the base decides what boots, so `{name}` cannot be set"
        )),
        Some("include") => Err(format!("`{line}`: name the lines of that file themselves")),
        Some("dtparam") if line == "dtparam=watchdog=off" => Err(format!(
            "`{line}`: set `watchdog = 0` in [appliance] instead"
        )),
        Some(name) if !name.is_empty() && plain(name) && plain_text(line) => Ok(()),
        _ => Err(format!(
            "`{line}` is not a line of config.txt such as \"dtoverlay=rpi-poe\""
        )),
    }
}

/// Checks one argument of the kernel.
pub(super) fn argument(argument: &str) -> Result<(), String> {
    let name = argument.split_once('=').map_or(argument, |(name, _)| name);
    if is_rescue(argument) {
        return Err(format!(
            "`{argument}`: the boot would end in a rescue shell instead of the node's programs"
        ));
    }
    if let Some(module) = needed_module(argument) {
        return Err(format!(
            "`{argument}`: a node needs the module {module}, which would not be loaded"
        ));
    }
    if name == OVERLAYROOT {
        return Err(format!(
            "`{argument}`: `read-only` in [appliance] protects the system, and keeps etcd's data"
        ));
    }
    if name == NETWORK {
        return Err(format!(
            "`{argument}`: the kernel would take the interface from the node; set [network] instead"
        ));
    }
    if contains(SET, &name.to_ascii_lowercase()) && argument != WITHOUT_CLOUD_INIT {
        return Err(format!(
            "`{argument}`: a node relies on its own `{name}`, which cannot be set"
        ));
    }
    match !name.is_empty() && plain_text(argument) && !argument.contains(['"', ' ']) && name != "--"
    {
        true => Ok(()),
        false => Err(format!(
            "`{argument}` is not one argument of the kernel, such as \"usbcore.autosuspend=-1\""
        )),
    }
}

fn contains(names: &str, name: &str) -> bool {
    names.split_whitespace().any(|known| known == name)
}

/// Returns whether the text is printable ASCII within the firmware's limit for a line.
fn plain_text(text: &str) -> bool {
    text.len() <= 98 && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_decide_what_boots_are_refused() {
        for line in [
            "dtoverlay=rpi-poe",
            "dtparam=fan_temp0=55000,fan_temp0_hyst=5000",
            "hdmi_ignore_hotplug:0=1",
            "gpu_mem=32",
        ] {
            assert_eq!(config_line(line), Ok(()));
        }
        for line in ["include extra.txt", "=1", "# comment"] {
            let wanted =
                format!("`{line}` is not a line of config.txt such as \"dtoverlay=rpi-poe\"");
            assert_eq!(config_line(line), Err(wanted));
        }
        for (line, why) in [
            (
                "[pi4]",
                " is a filter: lines for one board belong in a file of firmware/",
            ),
            (
                "kernel=mine.img",
                ": the base decides what boots, so `kernel` cannot be set",
            ),
            (
                "include=extra.txt",
                ": name the lines of that file themselves",
            ),
            (
                "dtparam=watchdog=off",
                ": set `watchdog = 0` in [appliance] instead",
            ),
        ] {
            assert_eq!(config_line(line), Err(format!("`{line}`{why}")));
        }
    }

    #[test]
    fn arguments_that_a_node_relies_on_are_refused() {
        for text in [
            "usbcore.autosuspend=-1",
            "quiet",
            "pcie_aspm=off",
            "usb-storage.quirks=152d:0578:u",
            "module_blacklist=snd_bcm2835,brcmfmac",
            "maxcpus=2",
            "cloud-init=disabled",
        ] {
            assert_eq!(argument(text), Ok(()));
        }
        let refused = |text: &str, why: &str| {
            assert_eq!(argument(text), Err(format!("`{text}`{why}")));
        };
        for (text, name) in [
            ("root=/dev/sda2", "root"),
            ("rw", "rw"),
            ("systemd.hostname=pi", "systemd.hostname"),
            ("net.ifnames=1", "net.ifnames"),
            ("break", "break"),
        ] {
            let why = format!(": a node relies on its own `{name}`, which cannot be set");
            refused(text, &why);
        }
        for text in ["S", "-b"] {
            refused(
                text,
                ": the boot would end in a rescue shell instead of the node's programs",
            );
        }
        refused(
            "module_blacklist=dummy,sdhci-iproc",
            ": a node needs the module sdhci-iproc, which would not be loaded",
        );
        for text in ["quiet splash", "", "--"] {
            refused(
                text,
                " is not one argument of the kernel, such as \"usbcore.autosuspend=-1\"",
            );
        }
    }

    #[test]
    fn arguments_that_a_setting_replaces_name_it() {
        for (text, wanted) in [
            (
                "overlayroot=tmpfs",
                "`overlayroot=tmpfs`: `read-only` in [appliance] protects the system, and keeps etcd's data",
            ),
            (
                "ip=dhcp",
                "`ip=dhcp`: the kernel would take the interface from the node; set [network] instead",
            ),
        ] {
            assert_eq!(argument(text), Err(wanted.to_owned()));
        }
    }
}
