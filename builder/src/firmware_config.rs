//! The kernel, initramfs and device tree that the Raspberry Pi's firmware loads according to `config.txt`.

use crate::config_txt::ConfigTxt;

/// The kernel of boards up to the Pi 4 if `config.txt` names none.
pub(crate) const KERNEL: &str = "kernel8.img";

/// The files that the firmware loads, as paths on the boot partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FirmwareConfig {
    /// The kernel.
    pub(crate) kernel: String,
    /// The initramfs, if the firmware loads one.
    pub(crate) initramfs: Option<String>,
    /// Whether the firmware looks for the initramfs by the kernel's name, and does without it if there is none.
    pub(crate) finds_initramfs: bool,
    /// The device tree, if it is named; otherwise the firmware uses the one of the board.
    pub(crate) device_tree: Option<String>,
    /// Whether device trees have the names of the upstream kernel.
    pub(crate) upstream: bool,
    /// The file with the kernel's command line.
    pub(crate) cmdline: String,
}

/// Parses `config.txt` as the firmware of a board does that these filters select, e.g. `pi4` and `cm4`, and that
/// loads the kernel `unnamed` if the text names none.
pub(crate) fn parse(text: &str, filters: &[&str], unnamed: &str) -> FirmwareConfig {
    let settings = ConfigTxt::parse(text);
    let get = |name: &str| settings.get(name, filters);
    let is_on = |name: &str| get(name) == Some("1");
    let prefix = get("os_prefix").unwrap_or_default();
    let prefix = prefix.trim_start_matches('/');
    let path = |name: &str| format!("/{prefix}{name}");
    let kernel = get("kernel").unwrap_or(unnamed);
    let automatic = || is_on("auto_initramfs").then(|| beside(kernel));
    // As in `initramfs FILE followkernel`.
    let named = get("initramfs").and_then(|value| value.split_whitespace().next());
    FirmwareConfig {
        kernel: path(kernel),
        initramfs: named
            .map(str::to_owned)
            .or_else(automatic)
            .map(|name| path(&name)),
        finds_initramfs: named.is_none(),
        device_tree: get("device_tree").map(path),
        upstream: is_on("upstream_kernel"),
        cmdline: path(get("cmdline").unwrap_or("cmdline.txt")),
    }
}

/// Returns the initramfs that belongs to a kernel: `initramfs8` for `kernel8.img`.
fn beside(kernel: &str) -> String {
    let stem = kernel.split('.').next().unwrap_or(kernel);
    stem.replacen("kernel", "initramfs", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_means_kernel8() {
        let wanted = FirmwareConfig {
            kernel: "/kernel8.img".to_owned(),
            initramfs: None,
            finds_initramfs: true,
            device_tree: None,
            upstream: false,
            cmdline: "/cmdline.txt".to_owned(),
        };
        assert_eq!(
            parse("# nothing\n\narm_64bit=1\n", &["pi4"], KERNEL),
            wanted
        );
    }

    #[test]
    fn debian_names_both_files() {
        let text = "upstream_kernel=1\nkernel=vmlinuz-6\n# initramfs old\ninitramfs initrd.img-6 followkernel\n";
        let config = parse(text, &["pi3"], KERNEL);
        assert_eq!(config.kernel, "/vmlinuz-6");
        assert_eq!(config.initramfs.as_deref(), Some("/initrd.img-6"));
        assert!(config.upstream);
    }

    #[test]
    fn raspberry_pi_os_leaves_it_to_the_firmware() {
        let config = parse(
            "auto_initramfs=1\n[cm5]\nkernel=other.img\n",
            &["pi4"],
            KERNEL,
        );
        assert_eq!(config.kernel, "/kernel8.img");
        assert_eq!(config.initramfs.as_deref(), Some("/initramfs8"));
    }

    #[test]
    fn filters_choose_the_board_and_all_ends_them() {
        let text =
            "[pi4]\nkernel=four\n[none]\nkernel=no\n[all]\ndevice_tree=x.dtb\nos_prefix=new/\n";
        let four = parse(text, &["pi4"], KERNEL);
        assert_eq!(four.kernel, "/new/four");
        assert_eq!(four.device_tree.as_deref(), Some("/new/x.dtb"));
        assert_eq!(parse(text, &["pi3"], KERNEL).kernel, "/new/kernel8.img");
    }

    #[test]
    fn ubuntu_core_begins_its_prefix_at_the_top() {
        let config = parse(
            "os_prefix=/systems/1/kernel/\nkernel=kernel.img\n",
            &["pi4"],
            KERNEL,
        );
        assert_eq!(config.kernel, "/systems/1/kernel/kernel.img");
        assert_eq!(config.cmdline, "/systems/1/kernel/cmdline.txt");
    }

    #[test]
    fn the_last_line_wins() {
        assert_eq!(
            parse("kernel=a\r\nkernel = b\r\n", &["pi3"], KERNEL).kernel,
            "/b"
        );
    }
}
