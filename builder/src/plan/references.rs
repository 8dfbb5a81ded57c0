//! The partition names in `cmdline.txt` and fstab(5): each must refer to a partition of the image.

use anyhow::Result;

use super::model::{Action, Plan};
use crate::failure::{Failure, Kind};
use crate::inspect::{Before, Found, Layout, Part, Place, System};

/// The prefixes of a partition id, in lower case: a tag, a quoted tag, or a udev link.
const BEFORE_ID: [&str; 4] = ["partuuid=", "partuuid=\"", "partuuid='", "by-partuuid/"];

const QUOTES: [char; 2] = ['"', '\''];

/// Replaces the disk id in every partition name that contains it, e.g. `PARTUUID=041bba91-02`.
pub(super) fn with_disk_id(text: &str, old: u32, new: u32) -> String {
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
pub(super) fn check(layout: &Layout, found: &Found, plan: &Plan) -> Result<()> {
    let System::Root(root) = &layout.system else {
        return Ok(()); // Ubuntu Core finds its partitions by label.
    };
    let disk_id = plan.disk_id.1;
    if let Some(text) = text_after(plan, found, Place::Boot, "/cmdline.txt") {
        check_root(&text, disk_id, root)?;
    }
    if let Some(text) = text_after(plan, found, Place::Root, "/etc/fstab") {
        for (place, part) in [
            ("/", root),
            ("/boot", &layout.boot),
            ("/boot/firmware", &layout.boot),
        ] {
            check_mount(&text, disk_id, place, part)?;
        }
    }
    Ok(())
}

/// Returns the content of a text file in the finished image.
fn text_after(plan: &Plan, found: &Found, place: Place, path: &str) -> Option<String> {
    let mut steps = plan.steps.iter();
    let bytes = match steps.find(|step| step.place == place && step.path == path) {
        Some(step) => match &step.action {
            Action::WriteFile { content, .. } => content.bytes(),
            _ => return None,
        },
        None => match found.get(&(place, path.to_owned()))? {
            Before::File {
                content: Some(content),
                ..
            } => content,
            _ => return None,
        },
    };
    Some(String::from_utf8_lossy(bytes).into_owned())
}

/// Checks the last `root=`, which is the one that the kernel uses.
fn check_root(text: &str, disk_id: u32, root: &Part) -> Result<()> {
    let arguments = text.lines().next().unwrap_or_default().split_whitespace();
    let mut last_first = arguments.rev().map(unquoted);
    let value = last_first.find_map(|it| it.strip_prefix("root="));
    match value.map(unquoted) {
        None => Err(refused(
            "cmdline.txt has no `root=`: the kernel would not find its root file system".to_owned(),
        )),
        Some(value) if value.contains(QUOTES) || !leads_to(value, disk_id, root) => {
            Err(refused(format!(
                "cmdline.txt says `root={value}`, which is not partition {} of the image, its root",
                root.number
            )))
        }
        Some(_) => Ok(()),
    }
}

/// Removes the quotes around an argument or its value, as the kernel does; inside a value they are part of it.
fn unquoted(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inner.unwrap_or(text)
}

fn check_mount(text: &str, disk_id: u32, place: &str, part: &Part) -> Result<()> {
    for line in text.lines() {
        let mut fields = line.split_whitespace();
        let (Some(source), Some(target)) = (fields.next(), fields.next()) else {
            continue;
        };
        if target == place && !source.starts_with('#') && !leads_to(source, disk_id, part) {
            return Err(refused(format!(
                "/etc/fstab mounts `{source}` at {place}, which is not partition {} of the image",
                part.number
            )));
        }
    }
    Ok(())
}

/// Returns whether the name refers to the partition, on a card in a Raspberry Pi.
fn leads_to(source: &str, disk_id: u32, part: &Part) -> bool {
    let by = |tag: &str| {
        let link = format!("/dev/disk/by-{}/", tag.to_lowercase());
        let tagged = source.strip_prefix(tag).and_then(|it| it.strip_prefix('='));
        let value = tagged.or_else(|| source.strip_prefix(&link))?;
        Some(value.trim_matches(QUOTES))
    };
    let id = format!("{disk_id:08x}-{:02x}", part.number);
    match (by("PARTUUID"), by("UUID"), by("LABEL")) {
        (Some(value), _, _) => value.eq_ignore_ascii_case(&id),
        (_, Some(value), _) => value.eq_ignore_ascii_case(&part.uuid),
        (_, _, Some(value)) => value == part.label,
        _ => device_number(source) == Some(part.number),
    }
}

/// Returns the partition number of a device such as `/dev/mmcblk0p2` or `/dev/sda2`.
fn device_number(source: &str) -> Option<u32> {
    let device = source.strip_prefix("/dev/")?;
    let disk = device.trim_end_matches(|it: char| it.is_ascii_digit());
    let is_partition = disk.ends_with('p') || disk.starts_with("sd") || disk.starts_with("vd");
    device
        .get(disk.len()..)
        .filter(|_| is_partition)?
        .parse()
        .ok()
}

fn refused(what: String) -> anyhow::Error {
    Failure::new(
        Kind::Refused,
        what,
        "start from a stock image, or correct the file in the base",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: u32 = 0x041b_ba91;

    fn part() -> Part {
        Part {
            number: 2,
            start: 0,
            len: 0,
            filesystem: "ext4",
            free_bytes: 0,
            label: "rootfs".to_owned(),
            uuid: "15f4c6be-1102-4331-9904-f78e78afd1fd".to_owned(),
        }
    }

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
    fn a_root_is_found_by_every_name_it_has() {
        for root in [
            "PARTUUID=041BBA91-02",
            "UUID=15F4C6BE-1102-4331-9904-F78E78AFD1FD",
            "LABEL=rootfs",
            "/dev/disk/by-partuuid/041bba91-02",
            "/dev/disk/by-label/rootfs",
            "/dev/mmcblk0p2",
            "/dev/sda2",
            "\"PARTUUID=041bba91-02\"",
        ] {
            let line = format!("console=tty1 root={root} rootwait\n");
            assert!(check_root(&line, OLD, &part()).is_ok(), "{root}");
        }
        assert!(check_root("root=/dev/sda9 root=LABEL=rootfs", OLD, &part()).is_ok());
    }

    #[test]
    fn a_root_that_is_not_on_the_image_is_refused() {
        for root in [
            "PARTUUID=deadbeef-02",
            "PARTUUID=041bba91-03",
            "UUID=15f4c6be",
            "LABEL=other",
            "/dev/mmcblk0p3",
            "/dev/mmcblk0",
            "/dev/nfs",
            "PARTUUID=\"041bba91-02\"",
        ] {
            let error = check_root(&format!("root={root} rootwait\n"), OLD, &part()).unwrap_err();
            let expected = format!(
                "cmdline.txt says `root={root}`, which is not partition 2 of the image, its root"
            );
            assert_eq!(error.to_string(), expected);
        }
        for text in ["", "console=tty1 rootwait\n", "quiet\nroot=LABEL=rootfs\n"] {
            let error = check_root(text, OLD, &part()).unwrap_err();
            let expected =
                "cmdline.txt has no `root=`: the kernel would not find its root file system";
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn a_mount_that_is_not_on_the_image_is_refused() {
        let check = |source: &str| {
            check_mount(
                &format!("{source} / ext4 defaults 0 1\n"),
                OLD,
                "/",
                &part(),
            )
        };
        for source in ["PARTUUID=\"041bba91-02\"", "LABEL='rootfs'", "# PARTUUID=x"] {
            assert!(check(source).is_ok(), "{source}");
        }
        assert_eq!(
            check("PARTUUID=041bba91-05").unwrap_err().to_string(),
            "/etc/fstab mounts `PARTUUID=041bba91-05` at /, which is not partition 2 of the image"
        );
    }
}
