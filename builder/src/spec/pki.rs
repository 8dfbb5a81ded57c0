//! `[pki]`: key type, lifetimes and additional names of the certificates.

use std::net::IpAddr;

use super::cluster::{KeyKind, Pki};
use super::complaints::{Complaints, Place};
use super::names;
use super::table::Table;

/// The longest lifetime, one century. A certificate cannot express a year after 9999.
pub(super) const MOST_DAYS: u32 = 36_500;

/// Reads the table.
pub(super) fn read(table: &Table, log: &mut Complaints) -> Pki {
    let ca = table.integer("ca-days").value;
    let mut leaf = table.integer("leaf-days");
    if leaf.value > ca {
        match leaf.place {
            Place::Default(..) => leaf.value = ca,
            place => log.add(
                place,
                format!(
                    "`leaf-days` is {}; a certificate cannot outlive its CA (`ca-days` is {ca})",
                    leaf.value
                ),
            ),
        }
    }
    Pki {
        key: KeyKind::named(table.text("key").value).unwrap_or(KeyKind::EcdsaP256),
        ca_days: ca,
        leaf_days: leaf.value,
        extra_sans: table
            .texts("extra-sans")
            .iter()
            .map(|san| san.value.to_owned())
            .collect(),
    }
}

/// Checks an address, or a DNS name that may begin with `*.`.
pub(super) fn subject_name(text: &str) -> Result<(), String> {
    match text.parse::<IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => names::wildcard_name(text),
    }
}
