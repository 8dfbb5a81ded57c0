//! `[appliance]`: what may change on a running node, where its data lies, what it lets in.

use super::cluster::{Appliance, Data};
use super::complaints::{Complaints, Placed};
use super::document::Table;

/// What a cluster cannot do without: etcd's ports for clients and for members.
const NEEDED: [u32; 2] = [2379, 2380];
const SSH: u32 = 22;
/// Seconds; the Raspberry Pi's watchdog counts no further than 15.
const WATCHDOG: u32 = 15;
/// Names that stay the same wherever a disk is plugged in (udev's 60-persistent-storage.rules).
const STABLE: &str = "/dev/disk/by-id/";

/// Reads the table.
pub(super) fn read(table: Option<&Table<'_>>, log: &mut Complaints) -> Appliance {
    let mut switch = |key| table.and_then(|table| table.boolean(key, log));
    let (read_only, wipe_data) = (switch("read-only"), switch("wipe-data"));
    let avahi = switch("avahi");
    let data = table.and_then(|table| table.string("data", log));
    let data = data.and_then(|text| log.check(text.place, data_place(text.value)));
    let watchdog = table.and_then(|table| table.integer("watchdog", 0..=WATCHDOG, " seconds", log));
    let ports = table.and_then(|table| table.integers("ports", 1..=65_535, "", log));
    let unasked = Appliance::default();
    Appliance {
        read_only: read_only.unwrap_or(unasked.read_only),
        data: data.unwrap_or(unasked.data),
        wipe_data: wipe_data.unwrap_or(unasked.wipe_data),
        watchdog: watchdog.map_or(unasked.watchdog, |seconds| seconds.value),
        ports: ports.map_or(unasked.ports, |ports| checked(&ports, log)),
        avahi: avahi.unwrap_or(unasked.avahi),
    }
}

impl Default for Appliance {
    fn default() -> Self {
        Self {
            read_only: true,
            data: Data::Card,
            wipe_data: false,
            watchdog: WATCHDOG,
            ports: numbers([SSH].into_iter().chain(NEEDED)),
            avahi: false,
        }
    }
}

fn data_place(text: &str) -> Result<Data, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:+".contains(c);
    match text.strip_prefix(STABLE) {
        _ if text == "card" => Ok(Data::Card),
        Some(name) if !name.is_empty() && name.chars().all(plain) => {
            Ok(Data::Disk(text.to_owned()))
        }
        _ => Err(format!(
            "`data` is \"card\" or a disk by a name that never changes, as in \"{STABLE}usb-…\""
        )),
    }
}

fn checked(ports: &Placed<Vec<Placed<u32>>>, log: &mut Complaints) -> Vec<u16> {
    let open: Vec<_> = ports.value.iter().map(|port| port.value).collect();
    for port in NEEDED.iter().filter(|port| !open.contains(port)) {
        let message = format!("`ports` must have {port}: without it there is no cluster");
        log.add(ports.place, message);
    }
    numbers(open)
}

/// Sorted, each once.
fn numbers(ports: impl IntoIterator<Item = u32>) -> Vec<u16> {
    let mut ports: Vec<u16> = ports
        .into_iter()
        .filter_map(|port| u16::try_from(port).ok())
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}
