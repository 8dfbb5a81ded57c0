//! `[pki]`: key type, lifetimes, names and subjects of the certificates, and their place.

use std::net::IpAddr;

use super::complaints::{Complaints, Place};
use super::input::Input;
use super::issuing::{CommonNames, KeyKind, OwnCa, OwnKey, Pki, Subject};
use super::layout::CertificateLayout;
use super::named::Named as _;
use super::table::Table;
use super::{common_name, identity, names};
use crate::secret::Secret;

/// The longest lifetime, one century. A certificate cannot express a year after 9999.
pub(super) const MOST_DAYS: u32 = 36_500;

/// The tables.
pub(super) struct PkiTables<'a> {
    pub(super) pki: &'a Table,
    pub(super) subject: &'a Table,
    pub(super) common_name: &'a Table,
}

/// Reads the CA of the user, if there is one.
fn own_ca(table: &Table, input: &Input, log: &mut Complaints) -> Option<OwnCa> {
    let (certificate, key) = (table.optional("ca-certificate"), table.optional("ca-key"));
    if let (None, Some(key)) = (certificate, key) {
        log.add(key.place, "`ca-key` also needs `ca-certificate`");
    }
    let passphrase = table.optional("ca-passphrase-file");
    if let (None, Some(passphrase)) = (key, passphrase) {
        log.add(passphrase.place, "`ca-passphrase-file` also needs `ca-key`");
    }
    let certificate = certificate?;
    let folder = identity::config_folder(input);
    let certificate_path = folder.join(certificate.value);
    let bytes = (input.read)(&certificate_path)
        .map_err(|error| format!("reading {}: {error}", certificate_path.display()));
    Some(OwnCa {
        certificate: log.check(certificate.place, bytes)?,
        certificate_path,
        passphrase_file: passphrase.map(|path| folder.join(path.value)),
        key: key.map(|key| {
            let path = folder.join(key.value);
            let bytes = (input.read)(&path);
            OwnKey {
                path,
                key: bytes.map(Secret::new).map_err(|error| error.to_string()),
            }
        }),
    })
}

/// Reads the tables. `names` are those of the nodes.
pub(super) fn read(
    tables: &PkiTables<'_>,
    names: &[&str],
    domain: &str,
    input: &Input,
    log: &mut Complaints,
) -> Pki {
    let table = tables.pki;
    let ca = table.integer("ca-days").value;
    let mut leaf = table.integer("leaf-days");
    let own_ca = own_ca(table, input, log);
    // The CA of the user has dates of its own, which also limit those below it.
    if leaf.value > ca && own_ca.is_none() {
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
    let layout =
        CertificateLayout::named(table.text("layout").value).unwrap_or(CertificateLayout::Etcd);
    Pki {
        key: KeyKind::named(table.text("key").value).unwrap_or(KeyKind::EcdsaP256),
        ca_days: ca,
        leaf_days: leaf.value,
        extra_sans: table.owned_texts("extra-sans"),
        own_ca,
        subject: subject(tables.subject),
        common_names: common_names(tables, layout, names, domain, log),
        shared: table.switch("shared"),
        trust_ca: table.switch("trust-ca"),
        layout,
    }
}

fn subject(table: &Table) -> Subject {
    Subject {
        country: table.owned("country"),
        state: table.owned("state"),
        locality: table.owned("locality"),
        organization: table.owned("organization"),
        unit: table.owned("unit"),
    }
}

fn common_names(
    tables: &PkiTables<'_>,
    layout: CertificateLayout,
    nodes: &[&str],
    domain: &str,
    log: &mut Complaints,
) -> CommonNames {
    let table = tables.common_name;
    let shared = tables.pki.switch("shared");
    if shared {
        check_shared(tables, layout, log);
    }
    let mut name = |role: &str| {
        let template = table.text(role);
        let fits = common_name::check_filled(template.value, nodes.iter().copied(), domain);
        log.check(template.place, fits);
        template.value.to_owned()
    };
    let server = match shared && !table.has("server") {
        true => SHARED.to_owned(),
        false => name("server"),
    };
    CommonNames {
        ca: table.owned("ca"),
        server,
        peer: name("peer"),
    }
}

/// The usual common name of a certificate that all nodes share.
const SHARED: &str = "etcd";

fn check_shared(tables: &PkiTables<'_>, layout: CertificateLayout, log: &mut Complaints) {
    if !layout.has_one_certificate() {
        let message = format!(
            "the layout `{}` has certificates for clients and for members; `shared` needs `layout = \"etcd-pi\"` or \"dcs\"",
            layout.name()
        );
        log.add(tables.pki.place_of("shared"), message);
    }
    let server = tables.common_name.text("server");
    if tables.common_name.has("server") && server.value.contains("{name}") {
        log.add(
            server.place,
            "a certificate that all nodes share cannot contain a node's `{name}`",
        );
    }
}

/// Checks a country code (ISO 3166).
pub(super) fn country(text: &str) -> Result<(), String> {
    match text.len() == 2 && text.bytes().all(|letter| letter.is_ascii_uppercase()) {
        true => Ok(()),
        false => Err(format!(
            "`{text}` is not a country: write two capital letters, as in \"DE\""
        )),
    }
}

/// Checks another field of a subject.
pub(super) fn field(text: &str) -> Result<(), String> {
    let sound = (1..=64).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    match sound {
        true => Ok(()),
        false => Err("a field of the subject must have 1 to 64 printable characters".to_owned()),
    }
}

/// Checks an address, or a DNS name that may begin with `*.`.
pub(super) fn subject_name(text: &str) -> Result<(), String> {
    match text.parse::<IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => names::wildcard_name(text),
    }
}
