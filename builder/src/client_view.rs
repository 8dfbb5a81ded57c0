//! Certificates as the clients of etcd see them: the limits of a CA, and whether a certificate below it is accepted.
//!
//! rustls-webpki verifies them, another implementation than the one that writes them.

use std::fmt;
use std::time::Duration;

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, Error, KeyUsage};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::FromDer as _;

use crate::date::date;

/// What a certificate is used for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Purposes {
    pub(crate) server: bool,
    pub(crate) client: bool,
}

/// Why clients do not accept a certificate.
#[derive(Debug)]
pub(crate) enum Rejection {
    /// None of the CAs has signed it.
    Unsigned,
    /// Its time is over.
    Expired,
    /// Another reason, in words.
    Other(String),
}

/// Returns why clients would not accept certificates of this CA, if its own certificate shows it.
pub(crate) fn fault(authority: &[u8], now: i64) -> Option<String> {
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

/// Returns whether a certificate names itself as its issuer, as that of a root CA does.
pub(crate) fn is_root(authority: &[u8]) -> bool {
    let parsed = X509Certificate::from_der(authority);
    parsed.is_ok_and(|(_, x509)| x509.subject().as_raw() == x509.issuer().as_raw())
}

/// The certificates that a client has when it verifies another one.
#[derive(Debug)]
pub(crate) struct View<'a> {
    /// Those of root CAs, which it trusts.
    pub(crate) roots: Vec<CertificateDer<'a>>,
    /// Those of the CAs below, which the server sends.
    pub(crate) between: Vec<CertificateDer<'a>>,
    /// Seconds since 1970.
    pub(crate) now: i64,
}

impl View<'_> {
    /// Checks that a client accepts a certificate for its purposes and names.
    pub(crate) fn accepts(
        &self,
        leaf: &[u8],
        purposes: Purposes,
        names: &[String],
    ) -> Result<(), Rejection> {
        let leaf = CertificateDer::from(leaf);
        let leaf = EndEntityCert::try_from(&leaf).map_err(rejection)?;
        let roots = self.roots.iter().map(webpki::anchor_from_trusted_cert);
        let roots = roots.collect::<Result<Vec<_>, _>>().map_err(rejection)?;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(self.now.unsigned_abs()));
        let purposes = [
            (purposes.server, KeyUsage::server_auth()),
            (purposes.client, KeyUsage::client_auth()),
        ];
        for (_, purpose) in purposes.into_iter().filter(|(wanted, _)| *wanted) {
            leaf.verify_for_usage(
                ALL_VERIFICATION_ALGS,
                &roots,
                &self.between,
                now,
                purpose,
                None,
                None,
            )
            .map_err(rejection)?;
        }
        for name in names.iter().filter(|name| !name.starts_with("*.")) {
            let other = || Rejection::Other(format!("it is not valid for `{name}`"));
            let server = ServerName::try_from(name.as_str()).map_err(|_| other())?;
            leaf.verify_is_valid_for_subject_name(&server)
                .map_err(|_| other())?;
        }
        Ok(())
    }
}

fn rejection(error: Error) -> Rejection {
    match error {
        Error::UnknownIssuer | Error::InvalidSignatureForPublicKey => Rejection::Unsigned,
        Error::CertExpired { .. } => Rejection::Expired,
        Error::CertNotValidYet { .. } => Rejection::Other("it is not valid yet".to_owned()),
        Error::NameConstraintViolation => {
            Rejection::Other("the CA's name constraints do not allow one of its names".to_owned())
        }
        other => Rejection::Other(format!("{other:?}")),
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsigned => "the CA has not signed it",
            Self::Expired => "it has expired",
            Self::Other(reason) => reason,
        })
    }
}
