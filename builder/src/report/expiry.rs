//! Certificates that end soon, so that nobody finds out by a cluster that stops.

use super::manifest::{CertificateRecord, Manifest};
use crate::date::date;

/// Two months: time enough to build, to flash and to have been on holiday.
const SOON: i64 = 60 * 86_400;

/// Which certificates of an output folder end soon or have ended, and what to do; nothing where none does. Those that
/// end with the CA are not among them: `pki` warns about the CA, which has to be replaced first.
pub fn ending(manifest: &Manifest, now: i64) -> Option<String> {
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
            "note: these certificates end soon: {}; remove their .crt files from the state folder, build and flash again",
            ending.join(", ")
        )
    })
}

/// Whether it ends within [`SOON`].
pub(super) fn is_soon(certificate: &CertificateRecord, now: i64) -> bool {
    certificate.not_after.saturating_sub(now) <= SOON
}
