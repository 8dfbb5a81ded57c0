//! `[system]`: the time zone and the time servers.

use std::net::IpAddr;

use super::machine::System;
use super::table::Table;
use super::{names, subnet};

/// Reads the table.
pub(super) fn read(table: &Table) -> System {
    let servers = table.texts("ntp").into_iter();
    System {
        timezone: table.optional("timezone").map(|zone| zone.value.to_owned()),
        ntp: servers.map(|server| server.value.to_owned()).collect(),
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

/// Checks a time server, given by name or address.
pub(super) fn time_server(server: &str) -> Result<(), String> {
    match server.parse::<IpAddr>() {
        Ok(_) => subnet::address(server).map(drop),
        Err(_) => names::dns_name(server),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("1.2.3", "`1.2.3` is not a valid DNS name"),
        ] {
            assert_eq!(time_server(server), Err(wanted.to_owned()));
        }
    }
}
