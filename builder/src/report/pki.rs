//! `etcd-image pki`: the certificates of a state directory, requests for them, and the answers.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::date::{date, days_left};
use crate::failure::Kind;
use crate::pki::{Imported, Request, StoredCertificate};

/// The certificates of a state directory. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Debug, Serialize)]
pub(crate) struct PkiStatus {
    /// Version of this format.
    format: u32,
    /// The state directory.
    state: String,
    /// Every certificate: CAs first, then the operator's, then those of the nodes.
    certificates: Vec<CertificateDates>,
    /// The paths of certificates that were requested and not imported yet.
    requested: Vec<String>,
    /// Certificates that end within this many days are reported.
    within: u32,
}

/// A certificate with its dates.
#[derive(Debug, Serialize)]
struct CertificateDates {
    /// Its path in the state directory.
    file: String,
    /// Its subject.
    subject: String,
    /// Whether it may sign certificates.
    is_ca: bool,
    /// Subject alternative names.
    sans: Vec<String>,
    /// SHA-256 over its DER form.
    fingerprint: String,
    /// Seconds since 1970 from which it is valid.
    not_before: i64,
    /// Seconds since 1970 until which it is valid.
    not_after: i64,
    /// Whole days until it ends; negative if it has ended.
    days_left: i64,
}

impl PkiStatus {
    /// Creates the report from the certificates of a state directory and the paths of those that were only requested.
    pub(crate) fn new(
        state: &Path,
        (stored, requested): (Vec<StoredCertificate>, Vec<String>),
        within: u32,
        now: i64,
    ) -> Self {
        let dates = |stored: StoredCertificate| {
            let it = stored.certificate;
            CertificateDates {
                file: stored.file,
                subject: stored.subject,
                is_ca: stored.is_authority,
                sans: it.sans,
                fingerprint: it.fingerprint,
                not_before: it.not_before,
                not_after: it.not_after,
                days_left: days_left(it.not_after, now),
            }
        };
        Self {
            format: 1,
            state: state.display().to_string(),
            certificates: stored.into_iter().map(dates).collect(),
            requested,
            within,
        }
    }

    /// Returns an error if a certificate has ended or ends soon.
    pub(crate) fn verdict(&self) -> Result<()> {
        let most = i64::from(self.within);
        let ending = self.certificates.iter().filter(|it| it.days_left < most);
        let ending: Vec<String> = ending
            .map(|it| {
                let ends = if it.days_left < 0 { "ended" } else { "ends" };
                format!("{} {ends} on {}", it.file, date(it.not_after))
            })
            .collect();
        match ending.is_empty() {
            true => Ok(()),
            false => Err(Kind::Verification.error(
                ending.join(", "),
                "`etcd-image cluster renew` renews certificates of nodes, `rotate-ca` a CA; if the owner of the CA signs them, \
                 use `etcd-image pki csr`",
            )),
        }
    }
}

impl Display for PkiStatus {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&CertificateDates) -> usize| {
            let widths = self.certificates.iter().map(text);
            widths.max().unwrap_or_default()
        };
        let file = width(|it| it.file.chars().count());
        let subject = width(|it| it.subject.chars().count());
        for it in &self.certificates {
            let (from, until) = (date(it.not_before), date(it.not_after));
            writeln!(
                f,
                "{:file$}  {:subject$}  from {from} until {until}  {:>6} d",
                it.file, it.subject, it.days_left
            )?;
        }
        for file in &self.requested {
            writeln!(f, "{file}: requested and not imported yet")?;
        }
        Ok(())
    }
}

/// Requests that were written.
#[derive(Debug, Serialize)]
pub(crate) struct Requests {
    /// Version of this format.
    format: u32,
    /// One per certificate.
    requests: Vec<WrittenRequest>,
}

/// A request that was written.
#[derive(Debug, Serialize)]
struct WrittenRequest {
    /// The path of the certificate in the state directory.
    certificate: String,
    /// The path of the request.
    request: String,
}

/// Returns the name of a request's file: that of the node, if there is one, and that of the certificate.
pub(crate) fn request_name(request: &Request) -> String {
    let path = request.file.strip_prefix("nodes/");
    let name = path.unwrap_or(&request.file).replace('/', "-");
    format!("{name}.csr")
}

impl Requests {
    pub(crate) fn new(folder: &Path, requests: &[Request]) -> Self {
        let written = |request: &Request| WrittenRequest {
            certificate: format!("{}.crt", request.file),
            request: folder.join(request_name(request)).display().to_string(),
        };
        Self {
            format: 1,
            requests: requests.iter().map(written).collect(),
        }
    }
}

impl Display for Requests {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for it in &self.requests {
            writeln!(f, "{}", it.request)?;
        }
        match self.requests.is_empty() {
            true => writeln!(
                f,
                "no certificate is missing; --all requests all of them again"
            ),
            false => writeln!(f, "have them signed, then: etcd-image pki import FILE..."),
        }
    }
}

/// Certificates that were imported.
#[derive(Debug, Serialize)]
pub(crate) struct Imports {
    /// Version of this format.
    format: u32,
    /// The paths of the certificates in the state directory.
    imported: Vec<String>,
    /// What a build still needs, each with the reason.
    lacking: Vec<String>,
}

impl Imports {
    pub(crate) fn new(imported: Imported) -> Self {
        Self {
            format: 1,
            imported: imported.taken,
            lacking: imported.lacking,
        }
    }
}

impl Display for Imports {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for file in &self.imported {
            writeln!(f, "imported {file}")?;
        }
        for file in &self.lacking {
            writeln!(f, "still needed: {file}")?;
        }
        Ok(())
    }
}
