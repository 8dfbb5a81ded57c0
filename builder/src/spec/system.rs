//! `[system]`: the time zone, the time servers, and the language of the console.

use std::net::IpAddr;

use super::machine::SystemSettings;
use super::table::Table;
use super::{names, subnet};

/// The locale that is part of the C library.
pub(super) const BUILT_IN: &str = "C.UTF-8";

/// The package that sets a keyboard layout at boot, and brings all layouts with it.
pub(super) const KEYBOARD_PACKAGE: &str = "console-setup";

/// Reads the table.
pub(super) fn read(table: &Table) -> SystemSettings {
    SystemSettings {
        timezone: table.owned("timezone"),
        locale: table.owned("locale"),
        keyboard: table.owned("keyboard"),
        ntp: table.owned_texts("ntp"),
    }
}

/// Checks the form of a time zone's name; the base decides whether the zone exists.
pub(super) fn timezone(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-+".contains(c);
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.chars().all(allowed)
    };
    match name.len() <= 64 && name.split('/').all(part) {
        true => Ok(()),
        false => Err(format!(
            "`{name}` is not a time zone such as Europe/Berlin or UTC"
        )),
    }
}

/// Checks the form of a locale's name, which has the encoding UTF-8; the base decides whether it exists.
pub(super) fn locale(name: &str) -> Result<(), String> {
    let is_language = |name: &str| match name.split_once('_') {
        None => name == "C",
        Some((language, country)) => {
            (2..=3).contains(&language.len())
                && language.bytes().all(|letter| letter.is_ascii_lowercase())
                && country.len() == 2
                && country.bytes().all(|letter| letter.is_ascii_uppercase())
        }
    };
    if name.strip_suffix(".UTF-8").is_some_and(is_language) {
        return Ok(());
    }
    let (language, _) = name.split_once('.').unwrap_or((name, ""));
    Err(match is_language(language) {
        true => format!("`{name}` is not a locale: write {language}.UTF-8"),
        false => format!("`{name}` is not a locale such as en_GB.UTF-8 or C.UTF-8"),
    })
}

/// Checks the form of a keyboard layout's name; the base decides whether the layout exists.
pub(super) fn keyboard(name: &str) -> Result<(), String> {
    let plain = name.bytes().all(|letter| letter.is_ascii_lowercase());
    match (2..=16).contains(&name.len()) && plain {
        true => Ok(()),
        false => Err(format!(
            "`{name}` is not a keyboard layout such as de or us"
        )),
    }
}

/// Checks a time server, given by name or address.
pub(super) fn time_server(server: &str) -> Result<(), String> {
    match server.parse::<IpAddr>() {
        Ok(_) => subnet::check_serving("time server", server),
        Err(_) => names::dns_name(server),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locales_and_keyboards_are_names() {
        for name in ["C.UTF-8", "en_GB.UTF-8", "fil_PH.UTF-8"] {
            assert_eq!(locale(name), Ok(()));
        }
        for (name, meant) in [("C", "C"), ("de_DE", "de_DE"), ("de_DE.utf8", "de_DE")] {
            let wanted = format!("`{name}` is not a locale: write {meant}.UTF-8");
            assert_eq!(locale(name), Err(wanted));
        }
        for name in ["", "de", "de_DE@euro", "../x.UTF-8", "de_de.UTF-8"] {
            let wanted = format!("`{name}` is not a locale such as en_GB.UTF-8 or C.UTF-8");
            assert_eq!(locale(name), Err(wanted));
        }
        assert_eq!(keyboard("latam"), Ok(()));
        for name in ["", "d", "../us", "German"] {
            let wanted = format!("`{name}` is not a keyboard layout such as de or us");
            assert_eq!(keyboard(name), Err(wanted));
        }
    }

    #[test]
    fn zones_and_servers_are_names() {
        for name in [
            "UTC",
            "Europe/Berlin",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+5",
        ] {
            assert_eq!(timezone(name), Ok(()));
        }
        for name in [
            "",
            "../etc/shadow",
            "/UTC",
            "Europe/",
            "Europe Berlin",
            "+1",
        ] {
            let wanted = format!("`{name}` is not a time zone such as Europe/Berlin or UTC");
            assert_eq!(timezone(name), Err(wanted));
        }
        for server in ["192.168.0.1", "fd00::1", "pool.ntp.org", "router"] {
            assert_eq!(time_server(server), Ok(()));
        }
        for (server, wanted) in [
            ("a b", "`a b` is not a valid DNS name"),
            (
                "1.2.3",
                "`1.2.3` is not a valid DNS name: it must not end like a number",
            ),
            ("0.0.0.0", "time server 0.0.0.0 is the unspecified address"),
            ("224.0.1.1", "time server 224.0.1.1 is a multicast address"),
        ] {
            assert_eq!(time_server(server), Err(wanted.to_owned()));
        }
    }
}
