//! The certificates and keys of a node, as `verify` judges them: whole, fitting together, of the right CA, valid, private.

use std::path::Path;

use anyhow::Result;
use diskimg::ReadFs;

use super::manifest::{CertificateRecord, Manifest};
use super::{MANIFEST, expiry, inspection, text};
use crate::inspect::{Files, Home, Place};
use crate::pki;

/// What a node's certificates are judged by.
pub(super) struct Trust {
    /// Seconds since 1970.
    now: i64,
    /// Who else knows the CA, and its fingerprint there.
    authorities: Vec<(&'static str, String)>,
}

impl Trust {
    /// The CA of the manifest and of the operator, as far as they lie in the folder.
    pub(super) fn new(folder: &Path, manifest: Option<&Manifest>, now: i64) -> Self {
        let recorded = manifest.and_then(|manifest| {
            let ca = manifest.certificates.iter().find(|it| it.name == "ca")?;
            Some((MANIFEST, ca.fingerprint.clone()))
        });
        let operator = fs_err::read_to_string(folder.join("client/ca.crt")).ok();
        let operator = operator.map(|pem| {
            // What cannot be read is nobody's CA.
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

    /// Judges the certificates and keys of a node: what is wrong, and what will be soon.
    pub(super) fn judge(
        &self,
        home: &Home,
        files: &mut Files,
    ) -> Result<(Vec<String>, Vec<String>)> {
        let root = files.at(home.place)?;
        let (mut problems, mut notes) = (check_modes(home, root)?, Vec::new());
        let found = inspection::certificates(home, root)?;
        for name in ["ca", "server", "peer"] {
            match found.iter().find(|certificate| certificate.name == name) {
                Some(certificate) => {
                    problems.extend(self.period(certificate));
                    notes.extend(self.soon(certificate));
                    problems.extend(misfits(home, root, name)?);
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
            return Some(format!("certificate {name} ended on {}", text::date(end)));
        }
        (start > now).then(|| format!("certificate {name} begins on {} only", text::date(start)))
    }

    fn soon(&self, certificate: &CertificateRecord) -> Option<String> {
        let (name, end) = (&certificate.name, certificate.not_after);
        let soon = end > self.now && expiry::is_soon(certificate, self.now);
        soon.then(|| format!("certificate {name} ends on {}", text::date(end)))
    }
}

/// A certificate must be the CA's work, and that of the key beside it.
fn misfits(home: &Home, root: &mut dyn ReadFs, name: &str) -> Result<Vec<String>> {
    let mut misfits = Vec::new();
    let pem = text_of(home, root, &format!("{name}.crt"))?;
    if let Some(ca) = text_of(home, root, "ca.crt")?
        && !pki::is_signed_by(&pem.clone().unwrap_or_default(), &ca)?
    {
        misfits.push(format!("certificate {name} is not signed by the node's CA"));
    }
    if let (Some(pem), Some(key)) = (pem, text_of(home, root, &format!("{name}.key"))?)
        && !pki::is_key_of(&key, &pem)?
    {
        misfits.push(format!(
            "certificate {name} is not that of the private key beside it"
        ));
    }
    Ok(misfits)
}

fn text_of(home: &Home, root: &mut dyn ReadFs, name: &str) -> Result<Option<String>> {
    let path = format!("{}/{name}", home.pki);
    Ok(match root.metadata(&path)? {
        Some(_) => Some(String::from_utf8_lossy(&root.read(&path)?).into_owned()),
        None => None,
    })
}

/// Private keys that others can read are no longer private; FAT has no modes.
fn check_modes(home: &Home, root: &mut dyn ReadFs) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    for path in [
        format!("{}/server.key", home.pki),
        format!("{}/peer.key", home.pki),
        home.host_key.to_owned(),
    ] {
        match root.metadata(&path)? {
            Some(_) if home.place == Place::Boot => {}
            Some(metadata) if metadata.mode & 0o7077 == 0 => {}
            Some(metadata) => problems.push(format!(
                "{path} has mode {:04o}, wanted 0600",
                metadata.mode
            )),
            None => problems.push(format!("{path} is missing: this is not a node's image")),
        }
    }
    Ok(problems)
}
