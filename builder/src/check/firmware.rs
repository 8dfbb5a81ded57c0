//! What the firmware loads before Linux starts: kernel, initramfs, device tree and command line of every board that the image serves.
//!
//! Names: <https://www.raspberrypi.com/documentation/computers/config_txt.html>.

use std::collections::BTreeMap;

use anyhow::Result;

use super::Findings;
use super::partitions::{argument, kernel_command_line, needs_initramfs};
use super::tree::Tree;
use crate::config_txt::ConfigTxt;
use crate::firmware_config::{self, FirmwareConfig, KERNEL};

/// The kernel that a Pi 5 prefers, for its page size.
const KERNEL_2712: &str = "kernel_2712.img";

/// What a script of earlier releases of raspi-config does in the initramfs. Without an initramfs, nothing reads the argument.
const OVERLAY: &str =
    "cmdline.txt says `boot=overlay`: what the node writes would be lost at every boot";

/// A board with a 64-bit processor.
struct BoardFirmware {
    name: &'static str,
    /// The filters of `config.txt` that select it.
    filters: &'static [&'static str],
    /// The device trees of Raspberry Pi's and of the upstream kernel; one of them is enough.
    trees: &'static [&'static str],
    /// Whether it prefers [`KERNEL_2712`].
    is_2712: bool,
}

const BOARDS: [BoardFirmware; 6] = [
    board(
        "Pi 3",
        &["pi3", "pi3+"],
        &[
            "bcm2710-rpi-3-b.dtb",
            "bcm2710-rpi-3-b-plus.dtb",
            "bcm2837-rpi-3-b.dtb",
            "bcm2837-rpi-3-b-plus.dtb",
        ],
    ),
    board(
        "Zero 2 W",
        &["pi0", "pi0w", "pi02"],
        &[
            "bcm2710-rpi-zero-2-w.dtb",
            "bcm2710-rpi-zero-2.dtb",
            "bcm2837-rpi-zero-2-w.dtb",
        ],
    ),
    board(
        "Pi 4",
        &["pi4", "pi400"],
        &["bcm2711-rpi-4-b.dtb", "bcm2711-rpi-400.dtb"],
    ),
    board(
        "CM4",
        &["pi4", "cm4"],
        &["bcm2711-rpi-cm4.dtb", "bcm2711-rpi-cm4-io.dtb"],
    ),
    BoardFirmware {
        is_2712: true,
        ..board(
            "Pi 5",
            &["pi5", "pi500"],
            &[
                "bcm2712-rpi-5-b.dtb",
                "bcm2712d0-rpi-5-b.dtb",
                "bcm2712-rpi-500.dtb",
            ],
        )
    },
    BoardFirmware {
        is_2712: true,
        ..board(
            "CM5",
            &["pi5", "cm5"],
            &["bcm2712-rpi-cm5-cm5io.dtb", "bcm2712-rpi-cm5-cm4io.dtb"],
        )
    },
];

const fn board(
    name: &'static str,
    filters: &'static [&'static str],
    trees: &'static [&'static str],
) -> BoardFirmware {
    BoardFirmware {
        name,
        filters,
        trees,
        is_2712: false,
    }
}

/// The files that some boards lack, with the names of these boards.
type Missing = BTreeMap<String, Vec<&'static str>>;

/// Checks the boot files of every board, and returns the kernel arguments that the boards get, each once.
pub(super) fn check(boot: &mut Tree<'_>, findings: &mut Findings) -> Result<Vec<String>> {
    let text = expanded(boot)?;
    let (mut missing, mut commands, mut served) = (Missing::new(), Vec::new(), false);
    for board in &BOARDS {
        let config = config(boot, &text, board)?;
        if !is_served(boot, &config, board)? {
            continue;
        }
        served = true;
        for file in absent(boot, &config)? {
            missing.entry(file).or_default().push(board.name);
        }
        let command = boot.text(&config.cmdline)?.unwrap_or_default();
        let command = kernel_command_line(&command).to_owned();
        if ConfigTxt::parse(&text).get("arm_64bit", board.filters) == Some("0") && !board.is_2712 {
            missing
                .entry("config.txt starts a 32-bit kernel (`arm_64bit=0`)".to_owned())
                .or_default()
                .push(board.name);
        }
        if let Some(file) = lacks_initramfs(boot, &config, &command)? {
            missing.entry(file).or_default().push(board.name);
        }
        let is_overlay = argument(&command, "boot") == Some("overlay");
        if is_overlay && loads_initramfs(boot, &config)? {
            missing
                .entry(OVERLAY.to_owned())
                .or_default()
                .push(board.name);
        }
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    if !served {
        findings.add(
            "the boot partition has no device tree of a 64-bit Raspberry Pi: no board would start",
        );
    }
    for (fault, boards) in missing {
        findings.add(format!("{fault} ({})", boards.join(", ")));
    }
    Ok(commands)
}

/// Checks the kernel that Ubuntu Core's `config.txt` names. snapd keeps the other boot files.
pub(super) fn check_core(boot: &mut Tree<'_>, findings: &mut Findings) -> Result<()> {
    let text = expanded(boot)?;
    let config = firmware_config::parse(&text, &["pi4"], KERNEL);
    let is_named = ConfigTxt::parse(&text).get("kernel", &["pi4"]).is_some();
    if is_named && !boot.exists(&config.kernel)? {
        findings.add(format!(
            "the boot partition has no kernel {}",
            config.kernel
        ));
    }
    Ok(())
}

/// Returns `config.txt` with the files that it includes in place of their names.
fn expanded(boot: &mut Tree<'_>) -> Result<String> {
    let mut out = String::new();
    for line in boot.text("/config.txt")?.unwrap_or_default().lines() {
        let included = match line.strip_prefix("include ") {
            Some(name) => boot.text(&format!("/{}", name.trim()))?.unwrap_or_default(),
            None => line.to_owned(),
        };
        out.push_str(&included);
        out.push('\n');
    }
    Ok(out)
}

fn config(boot: &mut Tree<'_>, text: &str, board: &BoardFirmware) -> Result<FirmwareConfig> {
    if board.is_2712 {
        let config = firmware_config::parse(text, board.filters, KERNEL_2712);
        if boot.exists(&config.kernel)? {
            return Ok(config);
        }
    }
    Ok(firmware_config::parse(text, board.filters, KERNEL))
}

/// Returns whether the image is meant for the board: it has its device tree, or names one for it.
fn is_served(boot: &mut Tree<'_>, config: &FirmwareConfig, board: &BoardFirmware) -> Result<bool> {
    let mut served = config.device_tree.is_some();
    for tree in board.trees {
        let beside_kernel = config
            .kernel
            .rsplit_once('/')
            .map_or("", |(folder, _)| folder);
        served |=
            boot.exists(&format!("{beside_kernel}/{tree}"))? || boot.exists(&format!("/{tree}"))?;
    }
    Ok(served)
}

/// Returns what is said about the files that `config.txt` names and the boot partition lacks.
fn absent(boot: &mut Tree<'_>, config: &FirmwareConfig) -> Result<Vec<String>> {
    let kernel = std::iter::once(("kernel", config.kernel.clone()));
    let tree = config
        .device_tree
        .iter()
        .map(|path| ("device tree", path.clone()));
    // The firmware goes without an initramfs that belongs to the kernel by name only.
    let named = config
        .initramfs
        .as_ref()
        .filter(|_| !config.finds_initramfs);
    let initramfs = named
        .into_iter()
        .flat_map(|list| initramfs_paths(list))
        .map(|path| ("initramfs", path));
    let command = std::iter::once(("command line", config.cmdline.clone()));
    let mut absent = Vec::new();
    for (what, path) in kernel.chain(tree).chain(initramfs).chain(command) {
        if !boot.exists(&path)? {
            absent.push(format!("the boot partition has no {what} {path}"));
        }
    }
    Ok(absent)
}

/// Returns the paths of `initramfs A,B`, of which only the first has the prefix.
fn initramfs_paths(list: &str) -> Vec<String> {
    let folder = list.rfind('/').map_or("/", |at| &list[..=at]);
    let names = list
        .split(',')
        .map(|name| name.strip_prefix(folder).unwrap_or(name));
    names.map(|name| format!("{folder}{name}")).collect()
}

/// Reports a root that only an initramfs finds on a board that loads none.
fn lacks_initramfs(
    boot: &mut Tree<'_>,
    config: &FirmwareConfig,
    command: &str,
) -> Result<Option<String>> {
    let Some(root) = argument(command, "root").filter(|root| needs_initramfs(root)) else {
        return Ok(None);
    };
    let loads = loads_initramfs(boot, config)?;
    Ok((!loads).then(|| format!("`root={root}` needs an initramfs, and the firmware loads none")))
}

fn loads_initramfs(boot: &mut Tree<'_>, config: &FirmwareConfig) -> Result<bool> {
    match &config.initramfs {
        Some(list) => Ok(!config.finds_initramfs || boot.exists(list)?),
        None => Ok(false),
    }
}
