//! The CA: created once, stored, and used to sign. [`Signer`] holds its key; `spec::OwnCa` holds the key of a CA that the
//! user provides.

mod own_ca;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, SigningKey as _,
};
use zeroize::Zeroizing;

use super::certs::Certificate;
use super::chain::{Chain, ChainFault};
use super::encrypted_key;
use super::phase::{CERTIFICATE, KEY, Phase, files_in};
use super::signer::{ReadKey, Signer};
use super::store::{StateReader, StateStore};
use super::x509::{self, CertificateFacts};
use super::{issuer_name, keys, refused, subject};
use crate::date::{after_days, date};
use crate::spec::{Cluster, KeyKind, OwnCa};

/// A CA certificate, those above it, and the issuer that signs with its key.
pub(super) struct Authority {
    pub(super) chain: Chain,
    signer: Signer,
    /// The CA that is trusted beside this one while the CA changes.
    pub(super) beside: Option<CertificateFacts>,
    /// The path of the certificate if this is the user's CA and the state directory does not have it yet.
    taken_from: Option<PathBuf>,
    /// The files to write: those of a new CA, or of one that an interrupted run did not put in place.
    unsaved: Vec<(&'static str, Zeroizing<Vec<u8>>)>,
}

/// The files of a CA and their paths for messages.
struct CaFiles<'a> {
    certificate: (PathBuf, &'a [u8]),
    key: (PathBuf, &'a [u8]),
    /// The file with the passphrase of the key.
    passphrase: Option<&'a Path>,
    /// The next step if one of them is damaged.
    correction: &'static str,
}

impl Authority {
    /// Returns the CA of the state directory. A new directory takes the user's CA. Returns `None` if neither exists and nothing
    /// was issued yet.
    pub(super) fn read(
        reader: &StateReader,
        own: Option<&OwnCa>,
        was_used: bool,
        now: i64,
    ) -> anyhow::Result<Option<Self>> {
        let phase = Phase::read(reader)?;
        let (signing, beside) = files_in(phase, reader)?;
        let key = reader.secret(signing.1)?;
        let certificate = reader.public(signing.0)?;
        let elsewhere = own.filter(|own| own.key.is_none());
        let passphrase = encrypted_key::passphrase_file(reader, own)?;
        let passphrase = passphrase.as_deref();
        let mut found = match (certificate, key, elsewhere) {
            (Some(certificate), Some(key), _) => Self::paired(
                &CaFiles {
                    certificate: (reader.path(signing.0), certificate.as_bytes()),
                    key: (reader.path(signing.1), &key),
                    passphrase,
                    correction: match was_used {
                        true => RESTORE,
                        false => OWN,
                    },
                },
                now,
            )?,
            (None, Some(key), _) => {
                Self::finished(reader, (&key, passphrase), now)?.ok_or_else(|| {
                    refused(
                        &reader.path(CERTIFICATE),
                        "is missing, but ca.key exists",
                        RESTORE,
                    )
                })?
            }
            (certificate, None, Some(own)) => {
                let stored = certificate.map(|pem| (reader.path(signing.0), pem));
                Self::elsewhere(own, stored, now)?
            }
            (Some(_), None, None) => {
                let what = "is missing, but ca.crt exists";
                return Err(refused(&reader.path(KEY), what, NO_KEY));
            }
            (None, None, None) if was_used => {
                let what = "is missing, but certificates were issued by it";
                return Err(refused(&reader.path(KEY), what, RESTORE));
            }
            (None, None, None) => {
                let own = own.and_then(|own| Some((own, own.key.as_ref()?)));
                let taken =
                    own.map(|(own, key)| Self::of_user(reader, own, (&key.path, &key.key), now));
                return taken.transpose();
            }
        };
        if let Some(name) = beside {
            found.beside = trusted_beside(reader, name)?;
        }
        let Some(own) = own else {
            return Ok(Some(found));
        };
        found
            .unsaved
            .extend(encrypted_key::remembered(reader, own)?);
        let replaced = replaced(reader, phase)?;
        let path = reader.path(CERTIFICATE);
        found.must_be(own, replaced.as_ref(), &path).map(Some)
    }

    /// Returns whether the CA's owner signs requests, because its key is not here.
    pub(super) fn owner_signs(&self) -> bool {
        matches!(self.signer, Signer::Owner)
    }

    /// Creates a new CA without writing it.
    pub(super) fn create(cluster: &Cluster, now: i64) -> anyhow::Result<Self> {
        let key = keys::generate(cluster.pki.key)?;
        let usual = || format!("{} etcd CA", cluster.name);
        let common_name = cluster.pki.common_names.ca.clone().unwrap_or_else(usual);
        let end = after_days(now, cluster.pki.ca_days);
        let subject = subject::fields(cluster, &common_name);
        let params = params(&subject, keys::back_dated(now), end)?;
        let pem = params.self_signed(&key)?.pem();
        let unsaved = vec![
            (KEY, Zeroizing::new(key.serialize_pem().into_bytes())),
            (CERTIFICATE, Zeroizing::new(pem.clone().into_bytes())),
        ];
        let facts =
            x509::read(&pem).map_err(|what| anyhow::anyhow!("the new CA certificate {what}"))?;
        Ok(Self {
            chain: Chain::root(facts),
            signer: Signer::Key(Box::new(Issuer::new(params, key))),
            beside: None,
            taken_from: None,
            unsaved,
        })
    }

    /// Returns the certificate and the key of a CA like this one, valid from `begin` on, as PEM.
    pub(super) fn successor(
        &self,
        begin: i64,
        now: i64,
    ) -> anyhow::Result<(String, Zeroizing<String>)> {
        let found = &self.chain.first;
        let kind = found.key_kind.unwrap_or(KeyKind::EcdsaP256);
        let key = keys::generate(kind)?;
        let end = now.saturating_add(keys::life(&found.certificate));
        let params = params(&found.subject_fields, begin, end)?;
        let pem = params.self_signed(&key)?.pem();
        Ok((pem, self.signer.stored_form(&key)?))
    }

    /// Returns whether a certificate was signed by the CA that is trusted beside this one, so that this one must replace it.
    pub(super) fn replaces_signer_of(&self, leaf: &CertificateFacts) -> bool {
        let beside = self.beside.as_ref();
        beside.is_some_and(|other| {
            x509::is_signed_by(leaf, other) && !x509::is_signed_by(leaf, &self.chain.first)
        })
    }

    /// Returns the CA's facts, and everything that nodes trust as its PEM.
    pub(super) fn into_certificate(self) -> Certificate {
        let beside = self.beside.map(|it| it.certificate.pem);
        let first = self.chain.into_certificate();
        Certificate {
            pem: first.pem + &beside.unwrap_or_default(),
            ..first
        }
    }

    /// Returns whether this CA is the user's and is not yet in the state directory.
    pub(super) fn is_new(&self) -> bool {
        self.taken_from.is_some()
    }

    /// Describes a new CA for the report.
    pub(super) fn origin(&self) -> String {
        match &self.taken_from {
            Some(path) => format!("copied the CA of {} and issued", path.display()),
            None => format!("made the CA `{}` and", self.chain.first.common_name()),
        }
    }

    /// Returns advice on a CA that expires within a year and has less than a third of its lifetime left.
    pub(super) fn warning(&self, now: i64) -> Option<String> {
        let first = self.chain.all().min_by_key(|it| it.certificate.not_after)?;
        let certificate = &first.certificate;
        let ends_soon = certificate.not_after.saturating_sub(now) < after_days(0, 365);
        (ends_soon && certificate.is_due(now)).then(|| {
            format!(
                "warning: the CA ends on {}, and with it every certificate of the cluster; before that day, replace it with \
                 `etcd-image cluster rotate-ca`, or {RENEW}",
                date(certificate.not_after)
            )
        })
    }

    /// Signs a certificate for a key. Its issuer is the CA's subject byte for byte.
    pub(super) fn sign(&self, params: &CertificateParams, key: &KeyPair) -> anyhow::Result<String> {
        let issuer = self.signer.issuer()?;
        let draft = params.signed_by(key, issuer)?;
        let sign = |bytes: &[u8]| issuer.key().sign(bytes);
        let signed = issuer_name::with_issuer(draft.der(), &self.chain.first.subject, sign);
        let der = signed.context("reading the new certificate")??;
        Ok(x509::to_pem(&der))
    }

    /// Stages the files that the state directory lacks, the key first.
    pub(super) fn save(&mut self, store: &mut StateStore) {
        for (name, bytes) in self.unsaved.drain(..) {
            store.stage(name, bytes.to_vec());
        }
    }

    /// Checks that a certificate and a key belong together and can sign.
    fn paired(files: &CaFiles<'_>, now: i64) -> anyhow::Result<Self> {
        let (path, pem) = &files.certificate;
        let correction = files.correction;
        let key = ReadKey::read(&files.key.0, files.key.1, files.passphrase, correction)?;
        let pem = String::from_utf8_lossy(pem);
        let all = x509::read_all(&pem).map_err(|what| refused(path, what, correction))?;
        let Some(own) = key.certificate(&all) else {
            let name = files.key.0.file_name().unwrap_or_default();
            let what = format!("is not the certificate of {}", name.display());
            return Err(refused(path, &what, correction));
        };
        let public_key = own.public_key.clone();
        let chain = Chain::new(all, &public_key, now).map_err(|fault| match fault {
            ChainFault::Certificate(what) => refused(path, &what, correction),
            ChainFault::Expired(what) => refused(path, &what, format!("for a new CA, {RENEW}")),
        })?;
        // Its subject is put into every certificate afterwards.
        Ok(Self {
            signer: key.signer(path.clone(), &chain.first),
            chain,
            beside: None,
            taken_from: None,
            unsaved: Vec::new(),
        })
    }

    /// Returns the CA of a run that was killed after it put the key in place and before it renamed the written certificate.
    fn finished(
        reader: &StateReader,
        (key, passphrase): (&[u8], Option<&Path>),
        now: i64,
    ) -> anyhow::Result<Option<Self>> {
        let Some(certificate) = reader.left_over(CERTIFICATE)? else {
            return Ok(None);
        };
        let files = CaFiles {
            certificate: (reader.path(CERTIFICATE), &certificate),
            key: (reader.path(KEY), key),
            passphrase,
            correction: RESTORE,
        };
        let mut authority = Self::paired(&files, now)?;
        authority.unsaved.push((CERTIFICATE, certificate));
        Ok(Some(authority))
    }
}

/// Returns the CA that is trusted beside the one that signs, if its file exists.
fn trusted_beside(reader: &StateReader, name: &str) -> anyhow::Result<Option<CertificateFacts>> {
    let pem = reader.public(name)?;
    let facts = pem.map(|pem| {
        x509::read(&pem).map_err(|what| refused(&reader.path(name), what, RESTORE_FILE))
    });
    facts.transpose()
}

/// Returns the CA that is being replaced: its file keeps its place until the change ends.
fn replaced(
    reader: &StateReader,
    phase: Option<Phase>,
) -> anyhow::Result<Option<CertificateFacts>> {
    if phase.is_none() {
        return Ok(None);
    }
    let pem = reader.public(CERTIFICATE)?;
    Ok(pem.and_then(|pem| x509::read(&pem).ok()))
}

/// Returns the content of a CA certificate that signs only leaf certificates.
fn params(subject: &subject::Fields, begin: i64, end: i64) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params.distinguished_name = subject::encoded(subject)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    keys::set_lifetime(&mut params, begin, end)?;
    Ok(params)
}

/// Nodes trust only one CA, so all must change at once. The seed remains, and with it the identities of the nodes.
const RENEW: &str = "remove ca.*, admin.* and nodes/*/{server,peer}.* from the state directory, build, and flash every \
                     node at once";
const OWN: &str = "put the certificate and the key of a CA for servers and clients there, with the certificates above it \
                   up to the root; without both files, the build makes a CA";
const NO_KEY: &str = "restore ca.key from your backup; if the owner of the CA signs requests instead, name the certificates of \
                      the CA up to the root in `ca-certificate` of [pki], leave `ca-key` out, and use `etcd-image pki csr`";
const RESTORE_FILE: &str = "restore it from your backup, or name another directory with `--state`";
const RESTORE: &str =
    "restore ca.crt and ca.key from your backup, or name another directory with `--state`";
