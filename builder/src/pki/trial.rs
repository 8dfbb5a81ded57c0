//! Checks a CA that the user brings: its own limits, and a fresh certificate below it as a client of etcd would see it.
//!
//! The second check uses rustls-webpki, another implementation than the one that wrote the certificate.

use std::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use super::x509::Usage;
use crate::date::date;

/// Returns why clients would not accept certificates of this CA, if its own certificate shows it.
pub(super) fn fault(authority: &[u8], now: i64) -> Option<String> {
    let (_, x509) = X509Certificate::from_der(authority).ok()?;
    let begins = x509.validity().not_before.timestamp();
    let unknown = x509.extensions().iter().find(|extension| {
        let parsed = extension.parsed_extension();
        extension.critical && matches!(parsed, ParsedExtension::UnsupportedExtension { .. })
    });
    let usage = x509.extended_key_usage().ok()?;
    let serves = usage.is_none_or(|usage| {
        usage.value.any || (usage.value.server_auth && usage.value.client_auth)
    });
    if x509.subject().iter().next().is_none() {
        Some("has an empty subject, which no client accepts".to_owned())
    } else if begins > now {
        Some(format!("is not valid before {}", date(begins)))
    } else if !serves {
        Some("does not allow both server and client certificates (extended key usage)".to_owned())
    } else {
        unknown.map(|extension| {
            let id = extension.oid.to_id_string();
            format!("has a critical extension that no client knows ({id})")
        })
    }
}

/// Checks that a client at that time accepts a certificate for its usages and names.
pub(super) fn verify(
    leaf: &[u8],
    authority: &[&[u8]],
    usage: Usage,
    names: &[String],
    now: i64,
) -> Result<(), String> {
    let leaf = CertificateDer::from(leaf);
    let mut chain: Vec<_> = authority
        .iter()
        .map(|it| CertificateDer::from(*it))
        .collect();
    let root = chain.pop().ok_or("there is no CA")?;
    let anchor = webpki::anchor_from_trusted_cert(&root).map_err(reason)?;
    let leaf = EndEntityCert::try_from(&leaf).map_err(reason)?;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.unsigned_abs()));
    let purposes = [
        (usage.server, KeyUsage::server_auth()),
        (usage.client, KeyUsage::client_auth()),
    ];
    for (_, purpose) in purposes.into_iter().filter(|(wanted, _)| *wanted) {
        let anchors = [anchor.clone()];
        leaf.verify_for_usage(
            ALL_VERIFICATION_ALGS,
            &anchors,
            &chain,
            now,
            purpose,
            None,
            None,
        )
        .map_err(reason)?;
    }
    for name in names.iter().filter(|name| !name.starts_with("*.")) {
        let server = ServerName::try_from(name.as_str()).map_err(|error| error.to_string())?;
        leaf.verify_is_valid_for_subject_name(&server)
            .map_err(|_| format!("it is not valid for `{name}`"))?;
    }
    Ok(())
}

fn reason(error: Error) -> String {
    match error {
        Error::NameConstraintViolation => {
            "the CA's name constraints do not allow one of its names".to_owned()
        }
        other => format!("{other:?}"),
    }
}
