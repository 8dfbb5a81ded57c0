//! The partitions that `cmdline.txt` and fstab(5) name: each must be one of the image. Pure: text in, faults out.

use super::partition_name::{PartitionName, QUOTES};
use crate::inspect::Layout;

/// Returns what is wrong with the last `root=`, which is the one that the kernel uses.
pub fn root_fault(arguments: &str, layout: &Layout) -> Option<String> {
    let root = layout.system.part()?;
    let Some(value) = argument(arguments, "root") else {
        let fault = "cmdline.txt has no `root=`: the kernel would not find its root file system";
        return Some(fault.to_owned());
    };
    let fault = || {
        format!(
            "cmdline.txt says `root={value}`, which is not partition {} of the image, its root",
            root.number
        )
    };
    let is_root =
        !value.contains(QUOTES) && PartitionName::of_kernel(value).leads_to(layout.disk_id, root);
    (!is_root).then(fault)
}

/// Returns the value of the last kernel argument with this name.
pub(super) fn argument<'t>(arguments: &'t str, name: &str) -> Option<&'t str> {
    let mut last_first = arguments.split_whitespace().rev().map(without_quotes);
    let value = last_first.find_map(|it| it.strip_prefix(name)?.strip_prefix('='));
    value.map(without_quotes)
}

/// Returns the line of `cmdline.txt` that the kernel gets.
pub fn kernel_command_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Removes the quotes around an argument or its value, as the kernel does; inside a value they are part of it.
fn without_quotes(text: &str) -> &str {
    let inner = text.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inner.unwrap_or(text)
}

/// Returns the entries of fstab(5) that the image cannot fulfill.
pub fn mount_faults(fstab: &str, layout: &Layout) -> Vec<String> {
    let entries = fstab.lines().filter_map(Mount::parse);
    entries.filter_map(|entry| entry.fault(layout)).collect()
}

/// Returns whether fstab(5) mounts the root read-only.
pub(super) fn is_root_read_only(fstab: &str) -> bool {
    let mut entries = fstab.lines().filter_map(Mount::parse);
    entries.any(|entry| entry.target == "/" && entry.options.split(',').any(|it| it == "ro"))
}

/// Returns where fstab(5) lays memory over a path, unless another entry covers the path more closely.
pub(super) fn memory_over<'t>(fstab: &'t str, path: &str) -> Option<&'t str> {
    let covers = |entry: &Mount<'_>| {
        let rest = path.strip_prefix(entry.target);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let entries = fstab.lines().filter_map(Mount::parse);
    let covering = entries.filter(covers);
    let nearest = covering.max_by_key(|entry| entry.target.len())?;
    let is_memory = ["tmpfs", "ramfs"].contains(&nearest.kind);
    let is_mounted = !nearest.options.split(',').any(|it| it == "noauto");
    (is_memory && is_mounted).then_some(nearest.target)
}

/// An entry of fstab(5).
struct Mount<'t> {
    source: &'t str,
    target: &'t str,
    kind: &'t str,
    options: &'t str,
}

impl<'t> Mount<'t> {
    fn parse(line: &'t str) -> Option<Self> {
        let mut fields = line.split_whitespace();
        let source = fields.next().filter(|it| !it.starts_with('#'))?;
        Some(Self {
            source,
            target: fields.next()?,
            kind: fields.next().unwrap_or_default(),
            options: fields.next().unwrap_or_default(),
        })
    }

    fn fault(&self, layout: &Layout) -> Option<String> {
        let Self { source, target, .. } = self;
        let name = PartitionName::of_fstab(source);
        let part = match *target {
            "/" => layout.system.part()?,
            "/boot" | "/boot/firmware" => &layout.boot,
            _ if self.may_be_absent() || name.is_plausible(layout) => return None,
            _ => {
                return Some(format!(
                    "/etc/fstab mounts `{source}` at {target}, which is not on the image: the boot would stop there (`nofail` allows it)"
                ));
            }
        };
        let fault = || {
            format!(
                "/etc/fstab mounts `{source}` at {target}, which is not partition {} of the image",
                part.number
            )
        };
        (!name.leads_to(layout.disk_id, part)).then(fault)
    }

    /// Returns whether the boot continues without this mount.
    fn may_be_absent(&self) -> bool {
        let optional = ["nofail", "noauto", "x-systemd.automount"];
        let mut options = self.options.split(',');
        self.kind == "swap" || options.any(|option| optional.contains(&option))
    }
}

/// Returns whether only an initramfs can find a root by this name: the kernel knows device names and `PARTUUID=`.
pub(super) fn needs_initramfs(root: &str) -> bool {
    matches!(
        PartitionName::of_kernel(root),
        PartitionName::Uuid(_) | PartitionName::Label(_)
    ) || root.starts_with("/dev/disk/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::{OsRelease, Part, System};

    fn part(number: u32, label: &str, uuid: &str) -> Part {
        Part {
            number,
            start: 0,
            len: 0,
            filesystem: "",
            free_bytes: 0,
            free_files: None,
            label: label.to_owned(),
            uuid: uuid.to_owned(),
        }
    }

    fn layout() -> Layout {
        Layout {
            size: 0,
            disk_id: 0x041b_ba91,
            boot: part(1, "bootfs", "B2F0-82D2"),
            system: System::Root(part(2, "root fs", "15f4c6be-1102-4331-9904-f78e78afd1fd")),
            others: Vec::new(),
            os: OsRelease {
                id: String::new(),
                version: String::new(),
                pretty_name: String::new(),
            },
        }
    }

    fn mount(entry: &str) -> Vec<String> {
        mount_faults(entry, &layout())
    }

    #[test]
    fn a_root_is_found_by_every_name_it_has() {
        for root in [
            "PARTUUID=041BBA91-02",
            "UUID=15f4c6be-1102-4331-9904-f78e78afd1fd",
            "/dev/disk/by-partuuid/041bba91-02",
            "/dev/disk/by-label/root\\x20fs",
            "/dev/mmcblk0p2",
            "/dev/nvme0n1p2",
            "/dev/sda2",
            "\"PARTUUID=041bba91-02\"",
            "/dev/sda9 root=/dev/sda2",
        ] {
            let line = format!("console=tty1 root={root} rootwait");
            assert_eq!(root_fault(&line, &layout()), None, "{root}");
        }
    }

    #[test]
    fn a_root_that_is_not_on_the_image_is_a_fault() {
        for root in [
            "PARTUUID=deadbeef-02",
            "PARTUUID=041bba91-03",
            "PARTUUID=\"041bba91-02\"",
            "UUID=15F4C6BE-1102-4331-9904-F78E78AFD1FD",
            "LABEL=other",
            "/dev/disk/by-partuuid/041BBA91-02",
            "/dev/mmcblk0p3",
            "/dev/mmcblk0",
            "/dev/nfs",
        ] {
            let fault = root_fault(&format!("root={root} rootwait"), &layout());
            let expected = format!(
                "cmdline.txt says `root={root}`, which is not partition 2 of the image, its root"
            );
            assert_eq!(fault, Some(expected));
        }
        for text in ["", "console=tty1 rootwait", "xroot=/dev/sda2"] {
            let expected =
                "cmdline.txt has no `root=`: the kernel would not find its root file system";
            assert_eq!(root_fault(text, &layout()).as_deref(), Some(expected));
        }
    }

    #[test]
    fn mounts_are_named_as_systemd_names_devices() {
        for entry in [
            "PARTUUID=\"041bba91-02\" / ext4 defaults 0 1",
            "LABEL='root\\040fs' / ext4",
            "# PARTUUID=x / ext4",
            "UUID=B2F0-82D2 /boot/firmware vfat defaults 0 2",
            "/dev/disk/by-partuuid/041bba91-01 /boot/firmware vfat",
            "proc /proc proc defaults 0 0",
            "UUID=1-2 /data ext4 defaults,nofail 0 2",
            "/dev/sdb1 none swap sw 0 0",
            "nas:/export /mnt nfs _netdev 0 0",
        ] {
            assert_eq!(mount(entry), Vec::<String>::new(), "{entry}");
        }
    }

    #[test]
    fn a_root_is_read_only_if_its_options_say_so() {
        for (entry, is_read_only) in [
            ("PARTUUID=x / ext4 defaults,ro 0 1", true),
            ("PARTUUID=x / ext4 errors=remount-ro 0 1", false),
            ("PARTUUID=x /boot vfat ro 0 1", false),
            ("# PARTUUID=x / ext4 ro 0 1", false),
            ("PARTUUID=x /", false),
        ] {
            assert_eq!(is_root_read_only(entry), is_read_only, "{entry}");
        }
    }

    #[test]
    fn memory_covers_what_is_below_it() {
        for (fstab, target) in [
            ("tmpfs /var/lib/etcd tmpfs", Some("/var/lib/etcd")),
            ("tmpfs /var tmpfs defaults 0 0", Some("/var")),
            ("tmpfs /var tmpfs defaults,noauto 0 0", None),
            ("tmpfs /var tmpfs\nLABEL=data /var/lib ext4 nofail", None),
            ("tmpfs /var/lib/etc tmpfs\ntmpfs /tmp tmpfs", None),
            ("LABEL=x / ext4", None),
        ] {
            assert_eq!(memory_over(fstab, "/var/lib/etcd"), target, "{fstab}");
        }
    }

    #[test]
    fn a_mount_that_is_not_on_the_image_is_a_fault() {
        for (source, target, part) in [
            ("PARTUUID=041bba91-05", "/", 2),
            ("PARTUUID=041BBA91-02", "/", 2),
            ("UUID=b2f0-82d2", "/boot/firmware", 1),
            ("PARTUUID=041bba91-02", "/boot", 1),
            ("'LABEL=bootfs'", "/boot/firmware", 1),
            ("LABEL='bootfs\"", "/boot/firmware", 1),
        ] {
            let expected = format!(
                "/etc/fstab mounts `{source}` at {target}, which is not partition {part} of the image"
            );
            assert_eq!(
                mount(&format!("{source} {target} auto defaults 0 1")),
                [expected]
            );
        }
        assert_eq!(
            mount("LABEL=data /data ext4 defaults 0 2"),
            [
                "/etc/fstab mounts `LABEL=data` at /data, which is not on the image: the boot would stop there (`nofail` allows it)"
            ]
        );
    }

    #[test]
    fn only_an_initramfs_finds_a_file_system_by_its_content() {
        for (root, needed) in [
            ("LABEL=x", true),
            ("UUID=x", true),
            ("/dev/disk/by-partuuid/x", true),
            ("PARTUUID=x", false),
            ("/dev/mmcblk0p2", false),
        ] {
            assert_eq!(needs_initramfs(root), needed, "{root}");
        }
    }
}
