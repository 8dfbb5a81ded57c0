//! `[network.wifi]`: only when asked, and only complete.

use super::cluster::Wifi;
use super::complaints::{Complaints, Placed};
use super::table::Table;
use crate::secret::Secret;

/// Reads the table and checks that it fits the interface.
pub(super) fn read(
    table: &Table,
    interface: Option<Placed<&str>>,
    log: &mut Complaints,
) -> Option<Wifi> {
    let named = |start: &str| interface.filter(|name| name.value.starts_with(start));
    if table.is_written() {
        if let Some(interface) = named("e") {
            let message = format!(
                "[network.wifi] is for a wireless interface, not {}",
                interface.value
            );
            log.add(interface.place, message);
        }
    } else if let Some(interface) = named("wl") {
        let message = format!(
            "{} needs [network.wifi] with ssid, password and country",
            interface.value
        );
        log.add(interface.place, message);
    }
    Some(Wifi {
        ssid: table.optional("ssid")?.value.to_owned(),
        password: Secret::new(table.optional("password")?.value),
        country: table.optional("country")?.value.to_owned(),
    })
}

pub(super) fn ssid(ssid: &str) -> Result<(), String> {
    if (1..=32).contains(&ssid.len()) && !ssid.chars().any(char::is_control) {
        return Ok(());
    }
    Err("`ssid` must have 1 to 32 bytes".to_owned())
}

/// The rules of WPA-PSK. The password itself never appears in a message.
pub(super) fn password(password: &str) -> Result<(), String> {
    let printable = password.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    let hex = password.bytes().all(|byte| byte.is_ascii_hexdigit());
    match password.len() {
        8..=63 if printable => Ok(()),
        64 if hex => Ok(()),
        8..=64 => Err("`password` must be printable ASCII, or 64 hexadecimal digits".to_owned()),
        length => Err(format!(
            "`password` has {length} characters; WPA asks for 8 to 63"
        )),
    }
}

pub(super) fn country(country: &str) -> Result<(), String> {
    if country.len() == 2 && country.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(format!(
        "`{country}` is not a country: write two capital letters, as in \"DE\""
    ))
}
