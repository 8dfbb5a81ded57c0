//! The names by which `cmdline.txt` and fstab(5) refer to a partition, and which partition each of them means.

use crate::inspect::{Layout, Part};

/// The quotes that may surround a value.
pub(super) const QUOTES: [char; 2] = ['"', '\''];

/// A name of a partition.
pub(super) enum PartitionName<'t> {
    /// `PARTUUID`, and whether its case matters: udev(7) and mount(8) compare bytes, the kernel does not.
    TableId(&'t str, bool),
    /// `UUID` as udev(7) writes it: lower case on ext4, upper case on FAT.
    Uuid(&'t str),
    Label(String),
    /// The number in a device name such as `/dev/mmcblk0p2`.
    Number(u32),
    /// Another device or a tag that no MBR partition has.
    Unknown,
    /// No device, such as `tmpfs`.
    NoDevice,
}

impl<'t> PartitionName<'t> {
    /// Parses the value of `root=`.
    pub(super) fn of_kernel(source: &'t str) -> Self {
        match source.split_once('=') {
            Some(("PARTUUID", value)) => Self::TableId(value, false),
            Some((tag, value)) => Self::tagged(tag, value),
            None => Self::device(source),
        }
    }

    /// Parses the first field of fstab(5). Only the value of a tag may have quotes (systemd-fstab-generator(8)).
    pub(super) fn of_fstab(source: &'t str) -> Self {
        match source.split_once('=') {
            Some((tag, value)) => Self::tagged(tag, unquoted(value)),
            None => Self::device(source),
        }
    }

    fn tagged(tag: &str, value: &'t str) -> Self {
        match tag {
            "PARTUUID" => Self::TableId(value, true),
            "UUID" => Self::Uuid(value),
            "LABEL" => Self::Label(value.replace("\\040", " ")),
            "PARTLABEL" | "ID" => Self::Unknown,
            _ if tag.contains(QUOTES) => Self::Unknown,
            _ => Self::NoDevice,
        }
    }

    fn device(source: &'t str) -> Self {
        let Some(device) = source.trim_start_matches(QUOTES).strip_prefix("/dev/") else {
            return Self::NoDevice;
        };
        match device
            .strip_prefix("disk/by-")
            .and_then(|it| it.split_once('/'))
        {
            Some(("partuuid", value)) => Self::TableId(value, true),
            Some(("uuid", value)) => Self::Uuid(value),
            Some(("label", value)) => Self::Label(value.replace("\\x20", " ")),
            _ => device_number(device).map_or(Self::Unknown, Self::Number),
        }
    }

    /// Returns whether this is a name of the partition, on a card in a Raspberry Pi.
    pub(super) fn leads_to(&self, disk_id: u32, part: &Part) -> bool {
        let id = format!("{disk_id:08x}-{:02x}", part.number);
        match self {
            Self::TableId(value, true) => *value == id,
            Self::TableId(value, false) => value.eq_ignore_ascii_case(&id),
            Self::Uuid(value) => *value == part.uuid,
            Self::Label(value) => *value == part.label,
            Self::Number(number) => *number == part.number,
            Self::Unknown | Self::NoDevice => false,
        }
    }

    /// Returns whether the image may have such a partition. File systems other than boot and root are not read.
    pub(super) fn is_plausible(&self, layout: &Layout) -> bool {
        let is_known = layout
            .parts()
            .any(|part| self.leads_to(layout.disk_id, part));
        let of_others = || match self {
            Self::NoDevice => true,
            Self::Number(number) => layout.other_numbers().any(|other| other == *number),
            Self::TableId(value, _) => {
                let id = |number: &u32| format!("{:08x}-{number:02x}", layout.disk_id);
                layout.other_numbers().any(|number| id(&number) == *value)
            }
            Self::Uuid(_) | Self::Label(_) => !layout.others.is_empty(),
            Self::Unknown => false,
        };
        is_known || of_others()
    }
}

/// Returns the value without the pair of quotes around it.
fn unquoted(value: &str) -> &str {
    let inner = |quote| value.strip_prefix(quote)?.strip_suffix(quote);
    QUOTES.into_iter().find_map(inner).unwrap_or(value)
}

/// Returns the partition number of a device such as `mmcblk0p2` or `sda2`.
fn device_number(device: &str) -> Option<u32> {
    let disk = device.trim_end_matches(|it: char| it.is_ascii_digit());
    let is_partition = disk.ends_with('p') || disk.starts_with("sd") || disk.starts_with("vd");
    device
        .get(disk.len()..)
        .filter(|_| is_partition)?
        .parse()
        .ok()
}
