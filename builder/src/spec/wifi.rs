//! `[network.wifi]`: only when asked, and only complete.

use super::cluster::Wifi;
use super::complaints::{Complaints, Place, Placed};
use super::document::Table;
use crate::secret::Secret;

/// Reads the table and checks that it goes with the interface.
pub(super) fn read(
    network: &Table<'_>,
    interface: Option<&Placed<String>>,
    log: &mut Complaints,
) -> Option<Wifi> {
    let Some(table) = network.table("wifi", log) else {
        if let Some(interface) = interface.filter(|interface| interface.value.starts_with("wl")) {
            let message = format!(
                "{} needs [network.wifi] with ssid, password and country",
                interface.value
            );
            log.add(interface.place, message);
        }
        return None;
    };
    if let Some(interface) = interface.filter(|interface| interface.value.starts_with('e')) {
        let message = format!(
            "[network.wifi] is for a wireless interface, not {}",
            interface.value
        );
        log.add(interface.place, message);
    }
    let ssid = checked(&table, "ssid", ssid, log);
    let password = checked(&table, "password", password, log);
    let country = checked(&table, "country", country, log);
    Some(Wifi {
        ssid: ssid?,
        password: Secret::new(password?),
        country: country?,
    })
}

fn checked(
    table: &Table<'_>,
    key: &str,
    check: fn(&str) -> Result<(), String>,
    log: &mut Complaints,
) -> Option<String> {
    let text = table.required(key, log)?;
    let place: Place = text.place;
    log.check(place, check(text.value))
        .map(|()| text.value.to_owned())
}

fn ssid(ssid: &str) -> Result<(), String> {
    if (1..=32).contains(&ssid.len()) && !ssid.chars().any(char::is_control) {
        return Ok(());
    }
    Err("`ssid` must have 1 to 32 bytes".to_owned())
}

/// The rules of WPA-PSK. The password itself never appears in a message.
fn password(password: &str) -> Result<(), String> {
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

fn country(country: &str) -> Result<(), String> {
    if country.len() == 2 && country.bytes().all(|letter| letter.is_ascii_uppercase()) {
        return Ok(());
    }
    Err(format!(
        "`{country}` is not a country: write two capital letters, as in \"DE\""
    ))
}
