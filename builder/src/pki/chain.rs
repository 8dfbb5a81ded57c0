//! The certificates from a CA up to its root: their order and their limits.

use super::certs::Certificate;
use super::x509::{self, CertificateFacts};
use crate::client_view;
use crate::date::date;

/// A CA's certificate, followed by those above it, up to a root.
pub(super) struct Chain {
    /// The CA that signs.
    pub(super) first: CertificateFacts,
    /// The certificates above it; empty for a root CA.
    pub(super) above: Vec<CertificateFacts>,
}

/// A fault of the files of a CA.
pub(super) enum ChainFault {
    /// In the file with the certificates.
    Certificate(String),
    /// One of them has expired.
    Expired(String),
}

impl Chain {
    /// Returns the chain of a root CA.
    pub(super) fn root(first: CertificateFacts) -> Self {
        Self {
            first,
            above: Vec::new(),
        }
    }

    /// Returns the CA's facts, and all certificates as its PEM.
    pub(super) fn into_certificate(self) -> Certificate {
        let pem = self.pem();
        Certificate {
            pem,
            ..self.first.certificate
        }
    }

    /// Puts certificates into order, beginning with that of the key, and checks each at the time `now`.
    pub(super) fn new(
        all: Vec<CertificateFacts>,
        public_key: &[u8],
        now: i64,
    ) -> Result<Self, ChainFault> {
        let chain = Self::ordered(all, public_key).map_err(ChainFault::Certificate)?;
        if x509::is_changed_root(chain.above.last().unwrap_or(&chain.first)) {
            return Err(ChainFault::Certificate(CHANGED.to_owned()));
        }
        for (below, facts) in chain.all().enumerate() {
            let named = |what: &str| match below {
                0 => what.to_owned(),
                _ => format!(
                    "holds the certificate `{}`, which {what}",
                    facts.subject_text
                ),
            };
            if let Some(what) = fault(facts, below, now) {
                return Err(ChainFault::Certificate(named(&what)));
            }
            if facts.certificate.not_after <= now {
                let what = format!("expired on {}", date(facts.certificate.not_after));
                return Err(ChainFault::Expired(named(&what)));
            }
        }
        Ok(chain)
    }

    fn ordered(mut all: Vec<CertificateFacts>, public_key: &[u8]) -> Result<Self, String> {
        let own = all.iter().position(|it| it.public_key == public_key);
        let Some(own) = own else {
            return Err("has no certificate for the key".to_owned());
        };
        let first = all.remove(own);
        if !first.is_authority {
            return Err(NOT_A_CA.to_owned());
        }
        let mut above: Vec<CertificateFacts> = Vec::new();
        loop {
            let last = above.last().unwrap_or(&first);
            if last.subject == last.issuer {
                break;
            }
            let Some(signer) = all.iter().position(|it| x509::is_signed_by(last, it)) else {
                return Err(format!(
                    "ends with `{}`, an intermediate CA: the certificates above it are missing, up to the root",
                    last.subject_text
                ));
            };
            let signer = all.remove(signer);
            above.push(signer);
        }
        match all.first() {
            None => Ok(Self { first, above }),
            Some(other) => Err(format!(
                "holds the certificate `{}`, which is not above the CA",
                other.subject_text
            )),
        }
    }

    /// Returns the certificates from the CA to the root.
    pub(super) fn all(&self) -> impl Iterator<Item = &CertificateFacts> {
        std::iter::once(&self.first).chain(&self.above)
    }

    /// Returns the certificates in their order as PEM.
    pub(super) fn pem(&self) -> String {
        self.all().map(|it| it.certificate.pem.as_str()).collect()
    }

    /// Returns when the first of them expires.
    pub(super) fn end(&self) -> i64 {
        let ends = self.all().map(|it| it.certificate.not_after);
        ends.min().unwrap_or(i64::MIN)
    }
}

const CHANGED: &str = "is damaged: the signature of the root is that of another certificate";

const NOT_A_CA: &str = "may not sign certificates";

/// Returns why a certificate cannot be in a chain with this many CAs below it.
fn fault(facts: &CertificateFacts, below: usize, now: i64) -> Option<String> {
    if !facts.is_authority {
        return Some(NOT_A_CA.to_owned());
    }
    let is_too_long = |most: u32| usize::try_from(most).is_ok_and(|most| below > most);
    if let Some(most) = facts.path_length.filter(|most| is_too_long(*most)) {
        return Some(format!(
            "allows fewer CAs below it (path length {most}) than there are ({below})"
        ));
    }
    client_view::fault(&facts.der, now)
}
