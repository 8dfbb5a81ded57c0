//! `[appliance]`: read-only mode, the location of the data, the watchdog and open ports.

use super::complaints::Complaints;
use super::machine::{Appliance, Data};
use super::ports;
use super::table::Table;

/// Names that stay the same wherever a disk is plugged in (udev's 60-persistent-storage.rules).
const STABLE: &str = "/dev/disk/by-id/";

/// Reads the table.
pub(super) fn read(table: &Table, log: &mut Complaints) -> Appliance {
    let data = table.text("data").value;
    let open = ports::open(table, log);
    Appliance {
        read_only: table.switch("read-only"),
        data: match data.starts_with(STABLE) {
            true => Data::Disk(data.to_owned()),
            false => Data::Card,
        },
        wipe_data: table.switch("wipe-data"),
        watchdog: table.integer("watchdog").value,
        allow: ports::allowed(table, &open, log),
        ports: open,
        avahi: table.switch("avahi"),
    }
}

pub(super) fn data_place(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:+".contains(c);
    match text.strip_prefix(STABLE) {
        _ if text == "card" => Ok(()),
        Some(name) if is_partition(name) => Err(format!(
            "`{text}` is a partition; `data` is a whole disk, whose name has no `-part` and number at its end"
        )),
        Some(name) if !name.is_empty() && name.chars().all(plain) => Ok(()),
        _ => Err(format!(
            "`data` is \"card\" or a disk by a name that never changes, as in \"{STABLE}usb-…\""
        )),
    }
}

/// Returns whether udev gives such a name to a partition.
fn is_partition(name: &str) -> bool {
    let number = name.rsplit_once("-part").map(|(_, number)| number);
    number.is_some_and(|it| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit()))
}
