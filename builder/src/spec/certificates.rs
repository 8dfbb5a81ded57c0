//! `[pki]`: key kind, lifetimes and extra names of the certificates.

use std::net::IpAddr;

use super::cluster::{KeyKind, Pki};
use super::complaints::{Complaints, Place, Placed};
use super::document::Table;
use super::{names, schema};

const KEY_KINDS: [(&str, KeyKind); 3] = [
    ("ecdsa-p256", KeyKind::EcdsaP256),
    ("rsa-2048", KeyKind::Rsa2048),
    ("rsa-4096", KeyKind::Rsa4096),
];
const DEFAULT_CA_DAYS: u32 = 3650;
/// Half of the CA's life: long, because nobody comes by to renew a card in a cupboard.
const DEFAULT_LEAF_DAYS: u32 = 1825;
/// A century; a certificate cannot say a year after 9999.
const MOST_DAYS: u32 = 36_500;

/// Reads the table.
pub(super) fn read(table: Option<&Table<'_>>, log: &mut Complaints) -> Pki {
    let key = table.and_then(|table| table.string("key", log));
    let key = key.and_then(|key| log.check(key.place, key_kind(key.value)));
    let (ca_days, leaf_days) = lifetimes(table, log);
    let sans = table
        .and_then(|table| table.strings("extra-sans", log))
        .unwrap_or_default();
    for san in &sans {
        log.check(san.place, subject_name(san.value));
    }
    Pki {
        key: key.unwrap_or(KeyKind::EcdsaP256),
        ca_days,
        leaf_days,
        extra_sans: sans.iter().map(|san| san.value.to_owned()).collect(),
    }
}

fn key_kind(name: &str) -> Result<KeyKind, String> {
    let names = KEY_KINDS.map(|(name, _)| name);
    let found = KEY_KINDS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, kind)| *kind);
    found.ok_or_else(|| {
        format!(
            "unknown key kind `{name}`; {}",
            schema::advice(name, &names)
        )
    })
}

fn lifetimes(table: Option<&Table<'_>>, log: &mut Complaints) -> (u32, u32) {
    let mut days = |key| table.and_then(|table| table.integer(key, 1..=MOST_DAYS, " days", log));
    let (ca, leaf) = (days("ca-days"), days("leaf-days"));
    let ca = ca.unwrap_or(Placed::new(Place::Default("pki.ca-days"), DEFAULT_CA_DAYS));
    let leaf = leaf.unwrap_or(Placed::new(
        Place::Default("pki.leaf-days"),
        DEFAULT_LEAF_DAYS.min(ca.value),
    ));
    if leaf.value > ca.value {
        let message = format!(
            "`leaf-days` is {}; a certificate cannot outlive its CA (`ca-days` is {})",
            leaf.value, ca.value
        );
        log.add(leaf.place, message);
    }
    (ca.value, leaf.value)
}

/// An address, or a DNS name that may begin with `*.`.
fn subject_name(text: &str) -> Result<(), String> {
    if text.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    names::wildcard_name(text)
}
