//! Reads and checks certificates with OpenSSL.

use std::collections::BTreeSet;
use std::path::Path;

use super::Verdict;
use crate::support::tool::{Said, tool};

/// Checks that `openssl verify` accepts the certificate for a purpose (`sslserver` or `sslclient`).
///
/// It is strict, like Python 3.13 and others: key identifiers and critical constraints are also required.
pub(crate) fn chain(ca: &Path, certificate: &Path, purpose: &str) -> Verdict {
    let paths = [ca, certificate].map(|path| path.to_str().unwrap());
    let said = tool(
        "openssl",
        &[
            "verify",
            "-x509_strict",
            "-purpose",
            purpose,
            "-CAfile",
            paths[0],
            paths[1],
        ],
    );
    if said.code == Some(0) {
        Ok(())
    } else {
        Err(said.words())
    }
}

/// Checks that the private key belongs to the certificate.
pub(crate) fn key_fits(certificate: &Path, key: &Path) -> Verdict {
    let of_certificate = openssl(&["x509", "-noout", "-pubkey", "-in"], certificate).text();
    let of_key = openssl(&["pkey", "-pubout", "-in"], key).text();
    if of_certificate == of_key {
        Ok(())
    } else {
        Err(format!("{} is another key", key.display()))
    }
}

/// The contents of a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Leaf {
    /// The distinguished name in the format of RFC 2253.
    pub(crate) subject: String,
    /// The alternative names: `DNS:…` and `IP Address:…`.
    pub(crate) names: BTreeSet<String>,
    /// The extended key usages in OpenSSL's words.
    pub(crate) usages: BTreeSet<String>,
    /// The time from which it is valid, in seconds since 1970.
    pub(crate) not_before: i64,
    /// The time until which it is valid, in seconds since 1970.
    pub(crate) not_after: i64,
}

/// Reads a certificate.
#[track_caller]
pub(crate) fn leaf(certificate: &Path) -> Leaf {
    let options = [
        "x509", "-noout", "-subject", "-dates", "-dateopt", "iso_8601", "-nameopt", "RFC2253",
    ];
    let text = openssl(
        &[
            &options[..],
            &["-ext", "subjectAltName,extendedKeyUsage", "-in"],
        ]
        .concat(),
        certificate,
    )
    .text();
    let line = |start: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(start))
            .unwrap_or_default()
            .to_owned()
    };
    Leaf {
        subject: line("subject="),
        names: list(&text, "X509v3 Subject Alternative Name:"),
        usages: list(&text, "X509v3 Extended Key Usage:"),
        not_before: moment(&line("notBefore=")),
        not_after: moment(&line("notAfter=")),
    }
}

#[track_caller]
fn openssl(options: &[&str], file: &Path) -> Said {
    tool("openssl", &[options, &[file.to_str().unwrap()]].concat()).done()
}

/// Returns the items on the line below a heading, split at commas.
fn list(text: &str, heading: &str) -> BTreeSet<String> {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.starts_with(heading))
        .skip(1);
    let items = lines
        .next()
        .unwrap_or_default()
        .split(',')
        .map(|item| item.trim().to_owned());
    items.filter(|item| !item.is_empty()).collect()
}

/// Parses `2026-10-06 10:20:30Z` into seconds since 1970.
fn moment(text: &str) -> i64 {
    let text = text.replace(' ', "T");
    time::OffsetDateTime::parse(&text, &time::format_description::well_known::Rfc3339)
        .unwrap()
        .unix_timestamp()
}
