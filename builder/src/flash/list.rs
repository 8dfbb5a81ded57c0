//! `flash --list`: the disks of this machine and what is on them.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use anyhow::Result;
use indicatif::BinaryBytes;
use serde::Serialize;

use super::disks::{Disk, KernelView};
use super::rules;
use crate::description;
use crate::inspect::Image;

/// All disks.
#[derive(Debug, Serialize)]
pub struct DiskList {
    /// Version of this format.
    pub format: u32,
    /// One per disk, by name.
    pub disks: Vec<ListedDisk>,
}

/// One disk.
#[derive(Debug, Serialize)]
pub struct ListedDisk {
    /// Path of the device.
    pub device: String,
    /// Size in bytes; 0 for a reader without a card.
    pub bytes: u64,
    /// Manufacturer and model.
    pub model: String,
    /// What is on it, e.g. `node etcd1 of cluster main`; `None` if nothing known is.
    pub contents: Option<String>,
    /// Why `flash` would refuse the disk, or `None` if it would not.
    pub refused: Option<String>,
}

/// Lists the disks of this machine, removable or not.
pub fn list() -> Result<DiskList> {
    let disks = KernelView::default().all()?;
    Ok(DiskList {
        format: 1,
        disks: disks.into_iter().map(ListedDisk::new).collect(),
    })
}

impl ListedDisk {
    fn new(disk: Disk) -> Self {
        let device = format!("/dev/{}", disk.name);
        Self {
            contents: contents(Path::new(&device)),
            device,
            bytes: disk.size,
            refused: rules::check(&disk, false)
                .err()
                .map(|error| error.to_string()),
            model: disk.model,
        }
    }
}

/// Returns which node or operating system is on a disk, as far as this user may read it.
fn contents(device: &Path) -> Option<String> {
    let image = Image::open(device).ok()?;
    let node = image
        .files()
        .and_then(|mut files| description::read(&image, &mut files));
    match node {
        Ok(Some(node)) => Some(format!("node {} of cluster {}", node.node, node.cluster)),
        Ok(None) | Err(_) => Some(image.layout().os.pretty_name.clone()),
    }
}

impl Display for DiskList {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.disks.is_empty() {
            writeln!(f, "no disks")?;
        }
        for disk in &self.disks {
            let (device, model) = (&disk.device, &disk.model);
            let contents = disk.contents.as_deref().unwrap_or("-");
            let size = BinaryBytes(disk.bytes).to_string();
            let note = disk
                .refused
                .as_deref()
                .and_then(|why| why.strip_prefix(device.as_str()));
            let note = note.unwrap_or(" can be written").trim_start();
            writeln!(
                f,
                "{device:<14} {size:>11}  {model:<24}  {contents:<28}  {note}"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(device: &str, contents: Option<&str>, refused: Option<&str>) -> ListedDisk {
        ListedDisk {
            device: device.to_owned(),
            bytes: 32 << 30,
            model: "Generic STORAGE DEVICE".to_owned(),
            contents: contents.map(str::to_owned),
            refused: refused.map(str::to_owned),
        }
    }

    #[test]
    fn each_disk_has_a_line_with_what_is_on_it_and_why_it_is_refused() {
        let disks = vec![
            disk("/dev/sda", Some("node etcd1 of cluster main"), None),
            disk(
                "/dev/mmcblk0",
                None,
                Some("/dev/mmcblk0 is in use: /dev/mmcblk0p1 on /"),
            ),
        ];
        let list = DiskList { format: 1, disks };
        let expected = "\
/dev/sda         32.00 GiB  Generic STORAGE DEVICE    node etcd1 of cluster main    can be written
/dev/mmcblk0     32.00 GiB  Generic STORAGE DEVICE    -                             is in use: /dev/mmcblk0p1 on /
";
        assert_eq!(list.to_string(), expected);
        let none = DiskList {
            format: 1,
            disks: vec![],
        };
        assert_eq!(none.to_string(), "no disks\n");
    }
}
