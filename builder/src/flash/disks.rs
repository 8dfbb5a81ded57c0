//! The disks of a Linux machine, from sysfs and the tables of mounts and swap areas.
//!
//! Specified in the kernel's documentation: `ABI/stable/sysfs-block`, `filesystems/proc.rst`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::failure::Kind;
use crate::file::if_exists;

/// Where the kernel describes itself.
#[derive(Debug)]
pub(super) struct KernelView {
    /// The parent of `sys`, `proc` and `dev`: `/`, except in tests.
    pub(super) root: PathBuf,
}

impl Default for KernelView {
    fn default() -> Self {
        Self {
            root: PathBuf::from("/"),
        }
    }
}

/// The sectors of cards and of nearly all disks. sysfs counts in it whatever the sectors of the disk.
pub(super) const SECTOR: u64 = 512;

/// A whole disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Disk {
    /// Name of the device, e.g. `sda`.
    pub(super) name: String,
    /// Size in bytes; 0 for a reader without a card.
    pub(super) size: u64,
    /// Manufacturer and model.
    pub(super) model: String,
    /// Whether the medium or the disk can be removed: a card, or a stick that says so.
    pub(super) removable: bool,
    pub(super) read_only: bool,
    /// The unit in bytes in which a partition table on it counts.
    pub(super) sector: u64,
    /// What uses it, e.g. `/dev/sda1 on /boot`.
    pub(super) uses: Vec<String>,
}

impl KernelView {
    /// Returns the disk with this device number.
    pub(super) fn by_number(&self, number: u64) -> Result<Disk> {
        let (major, minor) = (rustix::fs::major(number), rustix::fs::minor(number));
        let link = self.root.join(format!("sys/dev/block/{major}:{minor}"));
        let folder = fs_err::canonicalize(&link)?;
        if fs_err::exists(folder.join("partition"))? {
            let disk = folder.parent().map(name_of).unwrap_or_default();
            return Err(Kind::Usage.error(
                format!(
                    "/dev/{} is a partition; an image is written to a whole disk",
                    name_of(&folder)
                ),
                format!("name the disk: /dev/{disk}"),
            ));
        }
        self.disk(&folder)
    }

    /// Returns all disks, without those that exist in memory or on other disks only.
    pub(super) fn all(&self) -> Result<Vec<Disk>> {
        let mut disks = Vec::new();
        for entry in fs_err::read_dir(self.root.join("sys/block"))? {
            let folder = fs_err::canonicalize(entry?.path())?;
            let is_virtual = folder
                .components()
                .any(|part| part.as_os_str() == "virtual");
            if !is_virtual {
                disks.push(self.disk(&folder)?);
            }
        }
        disks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(disks)
    }

    fn disk(&self, folder: &Path) -> Result<Disk> {
        let words = ["device/vendor", "device/model", "device/name"].map(|file| text(folder, file));
        let model: Vec<_> = words
            .iter()
            .filter(|word| !word.is_empty())
            .map(String::as_str)
            .collect();
        let mut parts = DiskParts::default();
        parts.add(folder)?;
        Ok(Disk {
            name: name_of(folder),
            size: text(folder, "size")
                .parse::<u64>()
                .unwrap_or(0)
                .saturating_mul(SECTOR),
            model: model.join(" "),
            removable: text(folder, "removable") == "1" || text(folder, "device/type") == "SD",
            read_only: text(folder, "ro") == "1",
            sector: text(folder, "queue/logical_block_size")
                .parse()
                .unwrap_or(SECTOR),
            uses: self.uses(&parts)?,
        })
    }

    /// Returns what uses the disk or anything on it.
    fn uses(&self, parts: &DiskParts) -> Result<Vec<String>> {
        let mut uses = Vec::new();
        for line in fs_err::read_to_string(self.root.join("proc/self/mountinfo"))?.lines() {
            let fields: Vec<&str> = line.split(' ').collect();
            let source = fields
                .iter()
                .position(|field| *field == "-")
                .and_then(|dash| fields.get(dash + 2));
            if let ([_, _, number, _, place, ..], Some(source)) = (&*fields, source)
                // File systems on several disks have no number of a disk, but name one.
                && (parts.numbers.contains(*number) || parts.has(source))
            {
                uses.push(format!("{source} on {}", place.replace("\\040", " ")));
            }
        }
        for line in fs_err::read_to_string(self.root.join("proc/swaps"))?.lines() {
            let source = line.split_whitespace().next().unwrap_or_default();
            if parts.has(source) {
                uses.push(format!("{source} for swapping"));
            }
        }
        uses.extend_from_slice(&parts.holders);
        uses.extend(self.loops(parts)?);
        Ok(uses)
    }

    /// Returns the loop devices that show a part of the disk, as for a file system at an offset. Unlike other holders, they do not
    /// keep programs from opening the disk for themselves alone.
    fn loops(&self, parts: &DiskParts) -> Result<Vec<String>> {
        let mut loops = Vec::new();
        for entry in fs_err::read_dir(self.root.join("sys/block"))? {
            let folder = entry?.path();
            let source = text(&folder, "loop/backing_file");
            if parts.has(&source) {
                loops.push(format!("{source} in /dev/{}", name_of(&folder)));
            }
        }
        loops.sort();
        Ok(loops)
    }
}

/// A disk, its partitions, and the devices made from them, such as encrypted ones and logical volumes.
#[derive(Default)]
struct DiskParts {
    names: BTreeSet<String>,
    /// Major and minor number, e.g. `8:1`.
    numbers: BTreeSet<String>,
    /// What is made from them, e.g. `/dev/sda1 in /dev/mapper/home`: in use even if nothing of it is mounted.
    holders: Vec<String>,
}

impl DiskParts {
    /// Adds a device and what is made from it. What cannot be read is an error: a disk in use would look unused.
    fn add(&mut self, folder: &Path) -> Result<()> {
        if !self.names.insert(name_of(folder)) {
            return Ok(());
        }
        self.numbers.insert(text(folder, "dev"));
        for child in fs_err::read_dir(folder)? {
            let child = child?.path();
            // Most children are files.
            if if_exists(fs_err::metadata(child.join("partition")))?.is_some() {
                self.add(&child)?;
            }
        }
        let holders = if_exists(fs_err::read_dir(folder.join("holders")))?;
        for holder in holders.into_iter().flatten() {
            if let Some(holder) = if_exists(fs_err::canonicalize(holder?.path()))? {
                let (part, whole) = (name_of(folder), shown(&holder));
                self.holders.push(format!("/dev/{part} in {whole}"));
                self.add(&holder)?;
            }
        }
        Ok(())
    }

    fn has(&self, source: &str) -> bool {
        source
            .strip_prefix("/dev/")
            .is_some_and(|name| self.names.contains(name))
    }
}

/// Returns the path of a device that is made from others, by the name that its user gave it.
fn shown(holder: &Path) -> String {
    match &*text(holder, "dm/name") {
        "" => format!("/dev/{}", name_of(holder)),
        name => format!("/dev/mapper/{name}"),
    }
}

/// Returns the name of a device. A slash in it is an exclamation mark in sysfs.
fn name_of(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    name.replace('!', "/")
}

/// Returns the content of a file of sysfs, or nothing if it does not exist.
fn text(folder: &Path, file: &str) -> String {
    let text = fs_err::read_to_string(folder.join(file)).unwrap_or_default();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    const MOUNTS: &str = "\
22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw
23 1 0:30 / /srv/my\\040data rw - btrfs /dev/sdc rw
24 1 0:21 / /proc rw - proc proc rw
25 1 254:0 / /home rw - ext4 /dev/mapper/home rw
";

    /// Lays out the folder of a device below `sys`, with these files.
    fn device(root: &Path, folder: &str, number: &str, files: &[(&str, &str)]) {
        let path = root.join("sys/devices").join(folder);
        for inner in ["device", "holders", "dm", "loop"] {
            fs_err::create_dir_all(path.join(inner)).unwrap();
        }
        for (file, text) in files.iter().chain(&[("dev", number)]) {
            fs_err::write(path.join(file), format!("{text}\n")).unwrap();
        }
        let numbers = root.join("sys/dev/block");
        fs_err::create_dir_all(&numbers).unwrap();
        symlink(&path, numbers.join(number)).unwrap();
        if !files.iter().any(|(file, _)| *file == "partition") {
            let all = root.join("sys/block");
            fs_err::create_dir_all(&all).unwrap();
            symlink(&path, all.join(path.file_name().unwrap())).unwrap();
        }
    }

    /// A machine with a system disk, a card reader, a disk with Btrfs, one with an encrypted partition that is mounted, one
    /// with a member of a RAID that is not, and one of which a loop device shows a part.
    fn machine() -> (TempDir, KernelView) {
        let folder = TempDir::new().unwrap();
        let root = folder.path();
        device(
            root,
            "ata/sda",
            "8:0",
            &[
                ("size", "1000"),
                ("removable", "0"),
                ("device/model", "SSD 870"),
            ],
        );
        device(root, "ata/sda/sda2", "8:2", &[("partition", "2")]);
        let reader = [
            ("size", "62333952"),
            ("removable", "1"),
            ("device/vendor", "Generic"),
            ("device/model", "SD "),
        ];
        device(root, "usb1/sdb", "8:16", &reader);
        device(root, "usb1/sdb/sdb1", "8:17", &[("partition", "1")]);
        device(root, "ata/sdc", "8:32", &[("size", "1000")]);
        device(
            root,
            "mmc/mmcblk0",
            "179:0",
            &[
                ("size", "0"),
                ("ro", "1"),
                ("device/type", "SD"),
                ("device/name", "SC32G"),
            ],
        );
        device(root, "ata/sdd", "8:48", &[("size", "1000")]);
        device(root, "ata/sdd/sdd1", "8:49", &[("partition", "1")]);
        device(root, "virtual/dm-0", "254:0", &[("dm/name", "home")]);
        device(root, "ata/sde", "8:64", &[("size", "1000")]);
        device(root, "virtual/md127", "9:127", &[]);
        device(root, "ata/sdf", "8:80", &[("size", "1000")]);
        let shows = [("loop/backing_file", "/dev/sdf")];
        device(root, "virtual/loop0", "7:0", &shows);
        for (part, holder) in [("sdd/sdd1", "dm-0"), ("sde", "md127")] {
            let holders = root.join("sys/devices/ata").join(part).join("holders");
            let device = root.join("sys/devices/virtual").join(holder);
            symlink(device, holders.join(holder)).unwrap();
        }
        fs_err::create_dir_all(root.join("proc/self")).unwrap();
        fs_err::write(root.join("proc/self/mountinfo"), MOUNTS).unwrap();
        fs_err::write(
            root.join("proc/swaps"),
            "Filename Type\n/dev/sda3 partition\n/dev/sdb1 partition\n",
        )
        .unwrap();
        let system = KernelView {
            root: root.to_owned(),
        };
        (folder, system)
    }

    fn disk(name: &str, size: u64, model: &str) -> Disk {
        Disk {
            name: name.to_owned(),
            size,
            model: model.to_owned(),
            removable: false,
            read_only: false,
            sector: SECTOR,
            uses: vec![],
        }
    }

    #[test]
    fn disks_are_listed_with_what_uses_them() {
        let (_folder, system) = machine();
        let used = |name, model, uses: &[&str]| Disk {
            uses: uses.iter().map(ToString::to_string).collect(),
            ..disk(name, 512_000, model)
        };
        let expected = [
            Disk {
                removable: true,
                read_only: true,
                ..disk("mmcblk0", 0, "SC32G")
            },
            used("sda", "SSD 870", &["/dev/sda2 on /"]),
            Disk {
                removable: true,
                uses: vec!["/dev/sdb1 for swapping".to_owned()],
                ..disk("sdb", 62_333_952 * 512, "Generic SD")
            },
            used("sdc", "", &["/dev/sdc on /srv/my data"]),
            used(
                "sdd",
                "",
                &["/dev/mapper/home on /home", "/dev/sdd1 in /dev/mapper/home"],
            ),
            used("sde", "", &["/dev/sde in /dev/md127"]),
            used("sdf", "", &["/dev/sdf in /dev/loop0"]),
        ];
        assert_eq!(system.all().unwrap(), expected);
    }

    #[test]
    fn a_disk_is_found_by_its_number_and_a_partition_is_refused() {
        let (_folder, system) = machine();
        let number = |major, minor| rustix::fs::makedev(major, minor);
        assert_eq!(system.by_number(number(8, 16)).unwrap().name, "sdb");
        let error = system.by_number(number(8, 17)).unwrap_err();
        let message = "/dev/sdb1 is a partition; an image is written to a whole disk";
        assert_eq!(error.to_string(), message);
        assert_eq!(crate::failure::explain(&error).1, "name the disk: /dev/sdb");
    }
}
