//! The CA, created once, stored, and used to sign. Only this file handles its key, which otherwise exists only on disk.

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    SigningKey as _,
};
use zeroize::Zeroizing;

use super::store::{Reader, Store};
use super::x509::{self, Facts};
use super::{issue, keys, refused, subject, trial};
use crate::date::date;
use crate::spec::Cluster;

/// The names in the state directory.
const CERTIFICATE: &str = "ca.crt";
const KEY: &str = "ca.key";

/// A CA certificate and the issuer that signs with its key.
pub(super) struct Authority {
    pub(super) facts: Facts,
    issuer: Issuer<'static, KeyPair>,
    /// The files to write: those of a new CA, or of one that an interrupted run did not put in place.
    unsaved: Vec<(&'static str, Zeroizing<Vec<u8>>)>,
}

impl Authority {
    /// Returns the CA of the state directory, or `None` if it has none and nothing was issued yet.
    pub(super) fn read(reader: &Reader, was_used: bool, now: i64) -> anyhow::Result<Option<Self>> {
        let key = reader.secret(KEY)?;
        let certificate = reader.public(CERTIFICATE)?;
        match (certificate, key) {
            (Some(certificate), Some(key)) => {
                Self::paired(reader, &certificate, &key, now).map(Some)
            }
            (None, Some(key)) => Self::finished(reader, &key, now)?.map(Some).ok_or_else(|| {
                refused(
                    &reader.path(CERTIFICATE),
                    "is missing, but ca.key is there",
                    RESTORE,
                )
            }),
            (Some(_), None) => Err(refused(
                &reader.path(KEY),
                "is missing, but ca.crt is there",
                RESTORE,
            )),
            (None, None) if was_used => {
                let what = "is missing, but certificates were issued by it";
                Err(refused(&reader.path(KEY), what, RESTORE))
            }
            (None, None) => Ok(None),
        }
    }

    /// Creates a new CA without writing it.
    pub(super) fn create(cluster: &Cluster, now: i64) -> anyhow::Result<Self> {
        let key = keys::generate(cluster.pki.key)?;
        let mut params = CertificateParams::default();
        let usual = || format!("{} etcd CA", cluster.name);
        let common_name = cluster.pki.common_names.ca.clone().unwrap_or_else(usual);
        params.distinguished_name = subject::encoded(&subject::fields(cluster, &common_name))?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        keys::set_lifetime(&mut params, now, keys::after_days(now, cluster.pki.ca_days))?;
        let pem = params.self_signed(&key)?.pem();
        let unsaved = vec![
            (KEY, Zeroizing::new(key.serialize_pem().into_bytes())),
            (CERTIFICATE, Zeroizing::new(pem.clone().into_bytes())),
        ];
        let facts =
            x509::read(&pem).map_err(|what| anyhow::anyhow!("the new CA certificate {what}"))?;
        Ok(Self {
            facts,
            issuer: Issuer::new(params, key),
            unsaved,
        })
    }

    /// Returns advice on a CA that expires within a year and has less than a third of its lifetime left.
    pub(super) fn warning(&self, now: i64) -> Option<String> {
        let certificate = &self.facts.certificate;
        let ends_soon = certificate.not_after.saturating_sub(now) < keys::after_days(0, 365);
        (ends_soon && certificate.is_due(now)).then(|| {
            format!(
                "warning: the CA ends on {}, and with it every certificate of the cluster; before that day, {RENEW}",
                date(certificate.not_after)
            )
        })
    }

    /// Signs a certificate for a key. Its issuer is the CA's subject byte for byte.
    pub(super) fn sign(&self, params: &CertificateParams, key: &KeyPair) -> anyhow::Result<String> {
        let draft = params.signed_by(key, &self.issuer)?;
        let sign = |bytes: &[u8]| self.issuer.key().sign(bytes);
        let signed = issue::with_issuer(draft.der(), &self.facts.subject, sign);
        let der = signed.context("reading the new certificate")??;
        Ok(x509::to_pem(&der))
    }

    /// Stages the files that the state directory lacks, the key first.
    pub(super) fn save(&mut self, store: &mut Store) {
        for (name, bytes) in self.unsaved.drain(..) {
            store.stage(name, bytes.to_vec());
        }
    }

    /// Checks that a certificate and a key belong together and can sign.
    fn paired(reader: &Reader, pem: &str, key: &[u8], now: i64) -> anyhow::Result<Self> {
        let path = reader.path(CERTIFICATE);
        let key = keys::parse(key).map_err(|what| refused(&reader.path(KEY), what, RESTORE))?;
        let facts = x509::read(pem).map_err(|what| refused(&path, what, RESTORE))?;
        if facts.public_key != key.public_key_raw() {
            return Err(refused(&path, "is not the certificate of ca.key", RESTORE));
        }
        if !facts.is_authority {
            return Err(refused(&path, "may not sign certificates", OWN));
        }
        if let Some(what) = trial::fault(&facts.der, now) {
            return Err(refused(&path, &what, OWN));
        }
        if facts.certificate.not_after <= now {
            return Err(refused(
                &path,
                "has expired",
                format!("for a new CA, {RENEW}"),
            ));
        }
        // Its subject is put into every certificate afterwards.
        let mut params = CertificateParams::default();
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        if let Some(id) = &facts.key_id {
            params.key_identifier_method = KeyIdMethod::PreSpecified(id.clone());
        }
        Ok(Self {
            facts,
            issuer: Issuer::new(params, key),
            unsaved: Vec::new(),
        })
    }

    /// Returns the CA of a run that was killed after it put the key in place and before it renamed the written certificate.
    fn finished(reader: &Reader, key: &[u8], now: i64) -> anyhow::Result<Option<Self>> {
        let Some(certificate) = reader.left_over(CERTIFICATE)? else {
            return Ok(None);
        };
        let pem = String::from_utf8_lossy(&certificate);
        let mut authority = Self::paired(reader, &pem, key, now)?;
        authority.unsaved.push((CERTIFICATE, certificate));
        Ok(Some(authority))
    }
}

/// Nodes trust only one CA, so all must change at once. The seed remains, and with it the identities of the nodes.
const RENEW: &str = "remove ca.*, admin.* and nodes/*/{server,peer}.* from the state folder, build, and flash every \
                     node at once";
const OWN: &str = "put the certificate and the key of a root CA for servers and clients there, or remove \
                   both, and the build makes a CA";
const RESTORE: &str =
    "restore ca.crt and ca.key from your backup, or name another folder with --state";
