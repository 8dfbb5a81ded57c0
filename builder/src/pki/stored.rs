//! The certificates of a state directory as they are, for a report.

use std::path::Path;

use super::certs::Certificate;
use super::leaf::REMOVE;
use super::store::{StateReader, StateStore};
use super::{refused, x509};
use crate::failure::Kind;

/// A certificate of a state directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCertificate {
    /// Its path in the directory.
    pub file: String,
    /// Its subject as text.
    pub subject: String,
    /// Whether it may sign certificates.
    pub is_authority: bool,
    /// Its facts.
    pub certificate: Certificate,
}

/// Returns every certificate of a state directory: CAs first, then the operator's, then those of the nodes.
pub fn stored(state: &Path) -> anyhow::Result<Vec<StoredCertificate>> {
    let reader = StateStore::preview(state)?.reader();
    let mut files = certificate_paths(&reader, "")?;
    files.sort_by_key(|file| !file.contains("ca."));
    for node in reader.names("nodes")? {
        files.extend(certificate_paths(&reader, &format!("nodes/{node}/"))?);
    }
    let mut stored = Vec::new();
    for file in files {
        let pem = reader.public(&file)?.unwrap_or_default();
        let all =
            x509::read_all(&pem).map_err(|what| refused(&reader.path(&file), what, REMOVE))?;
        stored.extend(all.into_iter().map(|facts| StoredCertificate {
            file: file.clone(),
            subject: facts.subject_text,
            is_authority: facts.is_authority,
            certificate: facts.certificate,
        }));
    }
    match stored.is_empty() {
        false => Ok(stored),
        true => Err(Kind::Usage.error(
            format!("{} has no certificate", state.display()),
            "name the state directory with `--state`, or run this where you build",
        )),
    }
}

/// Returns the paths of certificates that were requested and not imported yet: only their keys exist.
pub fn requested(state: &Path) -> anyhow::Result<Vec<String>> {
    let reader = StateStore::preview(state)?.reader();
    let mut requested = requested_in(&reader, "")?;
    for node in reader.names("nodes")? {
        requested.extend(requested_in(&reader, &format!("nodes/{node}/"))?);
    }
    Ok(requested)
}

fn requested_in(reader: &StateReader, folder: &str) -> anyhow::Result<Vec<String>> {
    let names = reader.names(folder)?;
    let keys = names.iter().filter_map(|name| name.strip_suffix(".key"));
    let certificates = keys.map(|name| format!("{name}.crt"));
    let missing = certificates.filter(|name| !names.contains(name));
    Ok(missing.map(|name| format!("{folder}{name}")).collect())
}

/// Returns the paths of the certificates in one of its directories, sorted. The list of all trusted CAs repeats others.
fn certificate_paths(reader: &StateReader, folder: &str) -> anyhow::Result<Vec<String>> {
    let names = reader.names(folder)?.into_iter();
    let certificates =
        names.filter(|name| name.strip_suffix(".crt").is_some() && name != super::TRUSTED);
    Ok(certificates.map(|name| format!("{folder}{name}")).collect())
}
