//! A CA of the user, with its key or with an owner who signs requests.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::super::chain::{Chain, ChainFault};
use super::super::phase::{CERTIFICATE, KEY};
use super::super::signer::{self, Signer};
use super::super::store::StateReader;
use super::super::x509::{self, CertificateFacts};
use super::super::{encrypted_key, refused};
use super::{Authority, CaFiles, NO_KEY};
use crate::failure::Kind;
use crate::secret::Secret;
use crate::spec::OwnCa;

impl Authority {
    /// Returns the user's CA whose owner signs requests: the stored certificates (with their path) if they exist, otherwise those
    /// of the configuration. The CA is the lowest certificate of the chain: it has signed no other.
    pub(super) fn elsewhere(
        own: &OwnCa,
        stored: Option<(PathBuf, String)>,
        now: i64,
    ) -> anyhow::Result<Self> {
        let is_new = stored.is_none();
        let of_user = || {
            let pem = String::from_utf8_lossy(&own.certificate);
            (own.certificate_path.clone(), pem.into_owned())
        };
        let (path, pem) = stored.unwrap_or_else(of_user);
        let all = x509::read_all(&pem).map_err(|what| refused(&path, what, NO_KEY))?;
        let first = signer::lowest(&all);
        let key = first.map(|it| it.public_key.clone()).unwrap_or_default();
        let chain = Chain::new(all, &key, now).map_err(|fault| match fault {
            ChainFault::Certificate(what) | ChainFault::Expired(what) => {
                refused(&path, &what, NO_KEY)
            }
        })?;
        let pem = Zeroizing::new(chain.pem().into_bytes());
        Ok(Self {
            unsaved: is_new.then_some((CERTIFICATE, pem)).into_iter().collect(),
            chain,
            signer: Signer::Owner,
            beside: None,
            taken_from: None,
        })
    }

    /// Returns the user's CA for a new state directory.
    pub(super) fn of_user(
        reader: &StateReader,
        own: &OwnCa,
        (key_path, key): (&Path, &Result<Secret, String>),
        now: i64,
    ) -> anyhow::Result<Self> {
        let key = key.as_ref().map_err(|reason| {
            let message = format!("reading {}: {reason}", key_path.display());
            Kind::Usage.error(
                message,
                "correct `ca-key` in [pki]; the first build needs the key",
            )
        })?;
        let files = CaFiles {
            certificate: (own.certificate_path.clone(), &own.certificate),
            key: (key_path.to_owned(), key.reveal()),
            passphrase: own.passphrase_file.as_deref(),
            correction: CORRECT,
        };
        let mut authority = Self::paired(&files, now)?;
        authority.taken_from = Some(own.certificate_path.clone());
        let certificate = Zeroizing::new(authority.chain.pem().into_bytes());
        authority.unsaved = vec![
            (KEY, Zeroizing::new(key.reveal().to_vec())),
            (CERTIFICATE, certificate),
        ];
        authority
            .unsaved
            .extend(encrypted_key::remembered(reader, own)?);
        Ok(authority)
    }

    /// Refuses the user's CA if it is neither this one nor the one that this one replaces, because a state directory keeps its
    /// CA.
    pub(super) fn must_be(
        self,
        own: &OwnCa,
        replaced: Option<&CertificateFacts>,
        path: &Path,
    ) -> anyhow::Result<Self> {
        let pem = String::from_utf8_lossy(&own.certificate);
        let all =
            x509::read_all(&pem).map_err(|what| refused(&own.certificate_path, what, CORRECT))?;
        let known = [Some(&self.chain.first), replaced];
        let is_known = |it: &CertificateFacts| known.iter().flatten().any(|ca| ca.der == it.der);
        match all.iter().any(is_known) {
            true => Ok(self),
            false => Err(refused(
                path,
                &format!("is a different CA from {}", own.certificate_path.display()),
                OTHER,
            )),
        }
    }
}

const OTHER: &str = "remove `ca-certificate` and `ca-key` from [pki] to keep the CA of the state directory, or name another \
                     directory with `--state` for a new cluster";
const CORRECT: &str = "name the certificate and the key of a CA for servers and clients with `ca-certificate` and `ca-key` \
                       in [pki], with the certificates above it up to the root";
