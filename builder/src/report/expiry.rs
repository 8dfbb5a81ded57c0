//! Warnings about certificates that expire soon, before a cluster stops because of them.

use super::certificate_record::CertificateRecord;
use super::manifest::Manifest;
use crate::date::{DAY, date};

/// Two months: enough time to build and to flash, even after a holiday.
const SOON: i64 = 60 * DAY;

/// Returns which certificates of an output directory expire soon or have expired, and what to do; `None` if none does.
/// Those that expire with the CA are not included: `pki` warns about the CA, which must be replaced first.
pub(crate) fn expiring_certificates(manifest: &Manifest, now: i64) -> Option<String> {
    let ca_end = manifest
        .certificates
        .first()
        .map_or(i64::MAX, |ca| ca.not_after);
    let shared = manifest.certificates.iter().map(|it| (String::new(), it));
    let of_nodes = manifest.nodes.iter().flat_map(|node| {
        let owned = |it| (format!("{} ", node.name), it);
        node.certificates.iter().map(owned)
    });
    let ending: Vec<String> = shared
        .chain(of_nodes)
        .filter(|(_, certificate)| is_soon(certificate, now) && certificate.not_after < ca_end)
        .map(|(owner, it)| format!("{owner}{} on {}", it.name, date(it.not_after)))
        .collect();
    (!ending.is_empty()).then(|| {
        format!(
            "note: these certificates expire soon: {}; remove their .crt files from the state directory, then build and flash again",
            ending.join(", ")
        )
    })
}

/// Returns whether the certificate expires within [`SOON`].
pub(super) fn is_soon(certificate: &CertificateRecord, now: i64) -> bool {
    certificate.not_after.saturating_sub(now) <= SOON
}
