//! The checks that `verify` makes of a node's certificates and keys: complete, matching, signed by the CA, valid, private.

use std::path::Path;

use anyhow::Result;

use super::certificate_record::CertificateRecord;
use super::inspection::described_text;
use super::manifest::Manifest;
use super::{MANIFEST, expiry};
use crate::date::date;
use crate::description::{CertificateOfNode, FileRole, NodeDescription};
use crate::inspect::{Files, Volume};
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
    pub(super) fn check(
        &self,
        node: &NodeDescription,
        files: &mut Files,
    ) -> Result<(Vec<String>, Vec<String>)> {
        let (mut problems, mut notes) = (check_modes(node, files)?, Vec::new());
        let ca = described_text(node.file(FileRole::CaCertificate), files)?;
        for certificate in node.certificates() {
            let Some(pem) = described_text(certificate.certificate, files)? else {
                problems.push(format!("certificate {} is missing", certificate.name));
                continue;
            };
            let facts = pki::certificate(pki::without_keys(&pem))?;
            let record = CertificateRecord::new(certificate.name, &facts);
            problems.extend(self.period(&record));
            notes.extend(self.soon(&record));
            problems.extend(misfits(&certificate, &pem, ca.as_deref(), files)?);
        }
        let ca = ca.map(|pem| pki::certificate(&pem)).transpose()?;
        let others = self
            .authorities
            .iter()
            .filter(|(_, known)| ca.as_ref().is_some_and(|ca| ca.fingerprint != *known));
        problems.extend(others.map(|(place, _)| format!("the node's CA is not that of {place}")));
        Ok((problems, notes))
    }

    fn period(&self, certificate: &CertificateRecord) -> Option<String> {
        let (name, now) = (&certificate.name, self.now);
        let (start, end) = (certificate.not_before, certificate.not_after);
        if end <= now {
            return Some(format!("certificate {name} ended on {}", date(end)));
        }
        (start > now).then(|| format!("certificate {name} is not valid before {}", date(start)))
    }

    fn soon(&self, certificate: &CertificateRecord) -> Option<String> {
        let (name, end) = (&certificate.name, certificate.not_after);
        let soon = end > self.now && expiry::is_soon(certificate, self.now);
        soon.then(|| format!("certificate {name} ends on {}", date(end)))
    }
}

/// Reports a certificate that the CA did not sign, that does not belong to its private key, or that is an outdated copy.
fn misfits(
    certificate: &CertificateOfNode<'_>,
    pem: &str,
    ca: Option<&str>,
    files: &mut Files,
) -> Result<Vec<String>> {
    let name = certificate.name;
    let mut misfits = Vec::new();
    if let Some(ca) = ca
        && !pki::is_signed_by(pki::without_keys(pem), ca)?
    {
        misfits.push(format!("certificate {name} is not signed by the node's CA"));
    }
    if let Some(key) = described_text(certificate.key, files)?
        && !pki::is_key_of(&key, pki::without_keys(pem))?
    {
        misfits.push(format!(
            "certificate {name} is not that of the private key beside it"
        ));
    }
    if let Some(file) = certificate.original
        && let Some(original) = described_text(Some(file), files)?
        && original != pki::without_keys(pem)
    {
        misfits.push(format!(
            "certificate {name} is not the node's current one, {}",
            file.path
        ));
    }
    Ok(misfits)
}

/// Reports private keys that others can read. FAT has no modes.
fn check_modes(node: &NodeDescription, files: &mut Files) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut keys = vec![("host".to_owned(), node.file(FileRole::HostKey))];
    for certificate in node.certificates() {
        if certificate.original.is_none() && certificate.name != "ca" || certificate.key.is_some() {
            keys.push((certificate.name.to_owned(), certificate.key));
        }
    }
    for (name, key) in keys {
        let Some(file) = key else {
            problems.push(format!("the node's description names no {name} key"));
            continue;
        };
        let path = &file.path;
        let wanted = file.mode.as_deref().unwrap_or("0600");
        match files.at(file.partition)?.metadata(path)? {
            Some(_) if file.partition == Volume::Boot => {}
            Some(found)
                if format!("{:04o}", found.mode) == wanted && !lets_others_in(found.mode) => {}
            Some(found) => {
                problems.push(format!(
                    "{path} has mode {:04o}, wanted {wanted}",
                    found.mode
                ));
            }
            None => problems.push(format!("{path} is missing")),
        }
    }
    Ok(problems)
}

/// Returns whether every user may read, write or run a file with this mode.
fn lets_others_in(mode: u16) -> bool {
    !mode.is_multiple_of(0o10)
}
