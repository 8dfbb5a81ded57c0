//! The partition names in `cmdline.txt` and fstab(5): each must refer to a partition of the image.

use anyhow::Result;

use super::model::{Action, Plan};
use crate::check::{kernel_command_line, mount_faults, root_fault};
use crate::failure::Kind;
use crate::inspect::{BaseFiles, Before, Layout, System, Volume};
use crate::overlay::FileTree;

/// The texts, in lower case, that precede a disk id: a tag, a quoted tag, or a udev link.
const BEFORE_ID: [&str; 4] = ["partuuid=", "partuuid=\"", "partuuid='", "by-partuuid/"];

/// The beginning of the devices of a card's partitions, which have other names on other disks.
const ON_CARD: &str = "/dev/mmcblk0p";
/// Where fstab(5) mounts the partitions of the system.
const OF_SYSTEM: [&str; 3] = ["/", "/boot", "/boot/firmware"];

/// Replaces the disk id in every partition name that contains it, e.g. `PARTUUID=041bba91-02`, and names the partitions of a card by it.
pub(super) fn with_disk_id(text: &str, old: u32, new: u32) -> String {
    on_any_disk(&with_id(text, old, new), new)
}

/// Replaces the devices of the boot and root partitions of a card, in `root=` and in the first field of fstab(5), by names that they
/// have on every disk.
fn on_any_disk(text: &str, id: u32) -> String {
    let lines = text.split_inclusive('\n');
    lines.map(|line| line_on_any_disk(line, id)).collect()
}

fn line_on_any_disk(line: &str, id: u32) -> String {
    // At another place, the system of another disk may have a card mounted.
    let target = line.split_whitespace().nth(1);
    let is_of_system = target.is_some_and(|target| OF_SYSTEM.contains(&target));
    let mut out = String::new();
    for word in line.split_inclusive(char::is_whitespace) {
        let is_source = out.is_empty() && is_of_system;
        let (option, value) = match word.strip_prefix("root=") {
            Some(value) => ("root=", value),
            None => ("", word),
        };
        let device = value.trim_end();
        let number = device
            .strip_prefix(ON_CARD)
            .filter(|number| ["1", "2"].contains(number));
        match number.filter(|_| is_source || !option.is_empty()) {
            Some(number) => {
                let name = format!("{option}PARTUUID={id:08x}-0{number}");
                out.push_str(&name);
                out.push_str(&value[device.len()..]);
            }
            None => out.push_str(word),
        }
    }
    out
}

fn with_id(text: &str, old: u32, new: u32) -> String {
    let lower = text.to_ascii_lowercase();
    let (old, new) = (format!("{old:08x}"), format!("{new:08x}"));
    let mut out = String::new();
    let mut rest = 0;
    for (at, _) in lower.match_indices(&format!("{old}-")) {
        let (before, end) = (&lower[..at], at + old.len());
        if BEFORE_ID.iter().any(|prefix| before.ends_with(prefix)) {
            out.push_str(&text[rest..at]);
            out.push_str(&new);
            rest = end;
        }
    }
    out + &text[rest..]
}

/// Refuses an image whose kernel would not find its root, or whose fstab(5) mounts partitions that do not exist.
pub(super) fn check(
    layout: &Layout,
    found: &BaseFiles,
    tree: &FileTree,
    plan: &Plan,
) -> Result<()> {
    let System::Root(_) = &layout.system else {
        return Ok(()); // Ubuntu Core finds its partitions by label.
    };
    let finished = Layout {
        disk_id: plan.disk_id.1,
        ..layout.clone()
    };
    let arguments = text_after(plan, found, Volume::Boot, &tree.command_line);
    let root = arguments.and_then(|text| root_fault(kernel_command_line(&text), &finished));
    let fstab = text_after(plan, found, Volume::Root, "/etc/fstab").unwrap_or_default();
    let faults = root.into_iter().chain(mount_faults(&fstab, &finished));
    match faults.collect::<Vec<_>>().join("; ") {
        none if none.is_empty() => Ok(()),
        faults => Err(refused(faults)),
    }
}

/// Returns the content of a text file in the finished image.
fn text_after(plan: &Plan, found: &BaseFiles, volume: Volume, path: &str) -> Option<String> {
    let mut steps = plan.steps.iter();
    let bytes = match steps.find(|step| step.volume == volume && step.path == path) {
        Some(step) => match &step.action {
            Action::WriteFile { content, .. } => content.bytes(),
            _ => return None,
        },
        None => match found.get(&(volume, path.to_owned()))? {
            Before::File {
                content: Some(content),
                ..
            } => content,
            _ => return None,
        },
    };
    Some(String::from_utf8_lossy(bytes).into_owned())
}

fn refused(what: String) -> anyhow::Error {
    Kind::Refused.error(
        what,
        "start from a stock image, or correct the file in the base",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: u32 = 0x041b_ba91;

    #[test]
    fn the_disk_id_changes_however_a_partition_is_named() {
        for (before, after) in [
            ("PARTUUID=041bba91-02", "PARTUUID=0000beef-02"),
            ("PARTUUID=041BBA91-02", "PARTUUID=0000beef-02"),
            (
                "PARTUUID=\"041bba91-01\" /boot",
                "PARTUUID=\"0000beef-01\" /boot",
            ),
            (
                "/dev/disk/by-partuuid/041bba91-02",
                "/dev/disk/by-partuuid/0000beef-02",
            ),
            ("UUID=041bba91-0200", "UUID=041bba91-0200"),
            ("PARTUUID=1041bba91-02", "PARTUUID=1041bba91-02"),
            (
                "a PARTUUID=041bba91-01\nb PARTUUID=041bba91-02\n",
                "a PARTUUID=0000beef-01\nb PARTUUID=0000beef-02\n",
            ),
        ] {
            assert_eq!(with_disk_id(before, OLD, 0xbeef), after);
        }
    }

    #[test]
    fn a_partition_of_a_card_gets_a_name_for_every_disk() {
        for (before, after) in [
            (
                "root=/dev/mmcblk0p2 rootwait\n",
                "root=PARTUUID=0000beef-02 rootwait\n",
            ),
            (
                "quiet root=/dev/mmcblk0p2",
                "quiet root=PARTUUID=0000beef-02",
            ),
            (
                "/dev/mmcblk0p1  /boot vfat\n/dev/mmcblk0p2\t/ ext4\n",
                "PARTUUID=0000beef-01  /boot vfat\nPARTUUID=0000beef-02\t/ ext4\n",
            ),
            ("#/dev/mmcblk0p1 /boot", "#/dev/mmcblk0p1 /boot"),
            (
                "/dev/mmcblk0p1 /mnt/card vfat nofail",
                "/dev/mmcblk0p1 /mnt/card vfat nofail",
            ),
            ("root=/dev/mmcblk0p3", "root=/dev/mmcblk0p3"),
            ("root=/dev/sda2", "root=/dev/sda2"),
            ("x=1 /dev/mmcblk0p2", "x=1 /dev/mmcblk0p2"),
        ] {
            assert_eq!(with_disk_id(before, OLD, 0xbeef), after);
        }
    }
}
