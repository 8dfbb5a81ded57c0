//! The checks that `verify` makes of a node's certificates and keys: complete, matching, signed by the CA, valid, private.

use std::path::Path;

use anyhow::Result;

use super::inspection::{self, text};
use super::manifest::{CertificateRecord, Manifest};
use super::{MANIFEST, expiry};
use crate::date::date;
use crate::description::{NodeDescription, Role};
use crate::inspect::{Files, Place};
use crate::pki;

/// The reference for checking a node's certificates.
pub(super) struct Trust {
    /// Seconds since 1970.
    now: i64,
    /// The other sources of the CA, with the fingerprint that each one records.
    authorities: Vec<(&'static str, String)>,
}

impl Trust {
    /// Collects the CA of the manifest and of the operator, as far as the directory has them.
    pub(super) fn new(folder: &Path, manifest: Option<&Manifest>, now: i64) -> Self {
        let recorded = manifest.and_then(|manifest| {
            let ca = manifest.certificates.iter().find(|it| it.name == "ca")?;
            Some((MANIFEST, ca.fingerprint.clone()))
        });
        let operator = fs_err::read_to_string(folder.join("client/ca.crt")).ok();
        let operator = operator.map(|pem| {
            // An unreadable file is not a CA.
            let ca = pki::certificate(&pem);
            (
                "client/ca.crt",
                ca.map_or_else(|_| String::new(), |ca| ca.fingerprint),
            )
        });
        Self {
            now,
            authorities: recorded.into_iter().chain(operator).collect(),
        }
    }

    /// Checks the certificates and keys of a node, and collects current and upcoming problems.
    pub(super) fn judge(
        &self,
        node: &NodeDescription,
        files: &mut Files,
    ) -> Result<(Vec<String>, Vec<String>)> {
        let (mut problems, mut notes) = (check_modes(node, files)?, Vec::new());
        let found = inspection::certificates(node, files)?;
        for name in ["ca", "server", "peer"] {
            match found.iter().find(|certificate| certificate.name == name) {
                Some(certificate) => {
                    problems.extend(self.period(certificate));
                    notes.extend(self.soon(certificate));
                    problems.extend(misfits(node, files, name)?);
                }
                None => problems.push(format!("certificate {name} is missing")),
            }
        }
        let ca = found.iter().find(|certificate| certificate.name == "ca");
        let others = self
            .authorities
            .iter()
            .filter(|(_, known)| ca.is_some_and(|ca| ca.fingerprint != *known));
        problems.extend(others.map(|(place, _)| format!("the node's CA is not that of {place}")));
        Ok((problems, notes))
    }

    fn period(&self, certificate: &CertificateRecord) -> Option<String> {
        let (name, now) = (&certificate.name, self.now);
        let (start, end) = (certificate.not_before, certificate.not_after);
        if end <= now {
            return Some(format!("certificate {name} ended on {}", date(end)));
        }
        (start > now).then(|| format!("certificate {name} begins on {} only", date(start)))
    }

    fn soon(&self, certificate: &CertificateRecord) -> Option<String> {
        let (name, end) = (&certificate.name, certificate.not_after);
        let soon = end > self.now && expiry::is_soon(certificate, self.now);
        soon.then(|| format!("certificate {name} ends on {}", date(end)))
    }
}

/// Reports a certificate that the CA did not sign or that does not belong to the private key next to it.
fn misfits(node: &NodeDescription, files: &mut Files, name: &str) -> Result<Vec<String>> {
    let (certificate, key) = match name {
        "server" => (Role::ServerCertificate, Some(Role::ServerKey)),
        "peer" => (Role::PeerCertificate, Some(Role::PeerKey)),
        _ => (Role::CaCertificate, None),
    };
    let pem = text(node, certificate, files)?.unwrap_or_default();
    let mut misfits = Vec::new();
    if let Some(ca) = text(node, Role::CaCertificate, files)?
        && !pki::is_signed_by(&pem, &ca)?
    {
        misfits.push(format!("certificate {name} is not signed by the node's CA"));
    }
    if let Some(key) = key
        && let Some(key) = text(node, key, files)?
        && !pki::is_key_of(&key, &pem)?
    {
        misfits.push(format!(
            "certificate {name} is not that of the private key beside it"
        ));
    }
    Ok(misfits)
}

/// Reports private keys that others can read. FAT has no modes.
fn check_modes(node: &NodeDescription, files: &mut Files) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for (name, role) in [
        ("server", Role::ServerKey),
        ("peer", Role::PeerKey),
        ("host", Role::HostKey),
    ] {
        let Some(file) = node.file(role) else {
            problems.push(format!("the node's description names no {name} key"));
            continue;
        };
        let path = &file.path;
        match files.at(file.partition)?.metadata(path)? {
            Some(_) if file.partition == Place::Boot => {}
            Some(found) if found.mode & 0o7077 == 0 => {}
            Some(found) => {
                problems.push(format!("{path} has mode {:04o}, wanted 0600", found.mode));
            }
            None => problems.push(format!("{path} is missing")),
        }
    }
    Ok(problems)
}
