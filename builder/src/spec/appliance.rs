//! `[appliance]`: read-only mode, the location of the data, the watchdog and open ports.

use super::cluster::{Appliance, Data};
use super::complaints::Complaints;
use super::table::Table;

/// etcd's ports for clients and for members.
const REQUIRED_PORTS: [u64; 2] = [2379, 2380];
/// Names that stay the same wherever a disk is plugged in (udev's 60-persistent-storage.rules).
const STABLE: &str = "/dev/disk/by-id/";

/// Reads the table.
pub(super) fn read(table: &Table, log: &mut Complaints) -> Appliance {
    let data = table.text("data").value;
    Appliance {
        read_only: table.switch("read-only"),
        data: match data.starts_with(STABLE) {
            true => Data::Disk(data.to_owned()),
            false => Data::Card,
        },
        wipe_data: table.switch("wipe-data"),
        watchdog: table.integer("watchdog").value,
        ports: open_ports(table, log),
        avahi: table.switch("avahi"),
    }
}

pub(super) fn data_place(text: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:+".contains(c);
    match text.strip_prefix(STABLE) {
        _ if text == "card" => Ok(()),
        Some(name) if !name.is_empty() && name.chars().all(plain) => Ok(()),
        _ => Err(format!(
            "`data` is \"card\" or a disk by a name that never changes, as in \"{STABLE}usb-…\""
        )),
    }
}

/// Returns the open ports, sorted and without duplicates.
fn open_ports(table: &Table, log: &mut Complaints) -> Vec<u16> {
    let ports = table.integers("ports");
    for port in REQUIRED_PORTS
        .iter()
        .filter(|port| !ports.value.contains(port))
    {
        let message = format!("`ports` must have {port}: without it there is no cluster");
        log.add(ports.place, message);
    }
    let mut open: Vec<_> = ports
        .value
        .into_iter()
        .filter_map(|port| u16::try_from(port).ok())
        .collect();
    open.sort_unstable();
    open.dedup();
    open
}
