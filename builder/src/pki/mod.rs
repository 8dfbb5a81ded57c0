//! Keys and certificates of a cluster, kept in its state directory.
//!
//! ```text
//! etcd-cluster/                    0700, everything in it 0600
//!   ca.crt  ca.key                 the CA; the key never leaves this directory, or is not here if its owner signs requests
//!   passphrase-file                the path of the file with the passphrase of an encrypted ca.key, if there is one
//!   next-ca.*  rotation            the next CA, and how far its introduction is
//!   admin.crt  admin.key           the operator's client certificate
//!   metrics.crt  metrics.key       the certificate of a program that reads metrics, with `metrics = "mtls"` only
//!   seed                           the source of machine ids, disk ids and the token
//!   shared.crt  shared.key         the certificate of all nodes, with `shared` only
//!   nodes/<name>/server.{crt,key}  for clients
//!   nodes/<name>/peer.{crt,key}    between members
//!   nodes/<name>/client.*          for clients on the node, by their common name
//!   nodes/<name>/ssh_host_ed25519_key(.pub)
//!   cluster.json  known_hosts      what commands for the running cluster need to find and trust it
//!   etcd-pins.toml                 digests of etcd releases, as `fetch` learned them
//! ```

mod certs;

mod authority;
mod chain;
mod derive;
mod encrypted_key;
mod fingerprint;
mod host_key;
mod identity;
mod issuance;
mod issuer_name;
mod keys;
mod leaf;
mod modes;
mod phase;
mod renew;
mod request;
mod rotation;
mod sans;
mod shared;
mod signer;
mod store;
mod stored;
mod subject;
mod trust_store;
mod x509;

use std::path::Path;

use anyhow::Context as _;

pub use certs::{Certificate, Certs, KeyPair, NodeIdentity};
pub(crate) use fingerprint::{fingerprint_key, public_key_fingerprint, state_fingerprint};
pub(crate) use host_key::public_host_key;
pub use phase::Phase;
pub use renew::{Leaf, Renewed, can_issue, renew};
pub use request::{Imported, Request, import, requests};
pub use rotation::{
    TRUSTED, abort_rotation, begin_rotation, enter, finish_rotation, rotation, trusted_ca,
};
pub use stored::{StoredCertificate, requested, stored};
pub use trust_store::TrustedCertificate;
pub(crate) use x509::end_of_validity;

use crate::failure::Kind;
use crate::spec::Cluster;
use identity::FoundState;
use store::StateStore;

/// An open state directory: the identity of a cluster, whose new parts are not written yet.
pub struct StateDirectory {
    /// The identity.
    pub certs: Certs,
    store: StateStore,
    /// Whether nothing may be changed.
    is_fixed: bool,
}

impl StateDirectory {
    /// Stages one more file, unless the directory is only read.
    pub fn add(&mut self, name: &str, text: &str) {
        if !self.is_fixed {
            self.store.stage(name, text);
        }
    }

    /// Stages a file that is not secret, if its content has changed.
    pub fn update(&mut self, name: &str, text: &str) -> anyhow::Result<()> {
        if self.store.reader().public(name)?.as_deref() != Some(text) {
            self.add(name, text);
        }
        Ok(())
    }

    /// Returns whether the state directory is complete, so that [`StateDirectory::save`] writes nothing.
    pub fn is_saved(&self) -> bool {
        self.store.first_staged().is_none()
    }

    /// Writes the new files. If killed on the way, it leaves only whole old and whole new files.
    pub fn save(&self) -> anyhow::Result<()> {
        self.store.commit()
    }
}

impl std::fmt::Debug for StateDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("State").field(&self.certs).finish()
    }
}

/// Opens a state directory and returns the identity of the cluster, completed and brought up to date at `now` (seconds since
/// 1970). Nothing is changed before [`StateDirectory::save`]; other processes wait until the state is dropped.
pub fn open(state: &Path, cluster: &Cluster, now: i64) -> anyhow::Result<StateDirectory> {
    let mut store = StateStore::open(state, |reader| FoundState::read(reader, cluster, now))?;
    let found = FoundState::read(&store.reader(), cluster, now)?;
    let certs = found
        .complete(&mut store, cluster, now)
        .with_context(|| format!("completing the state directory {}", state.display()))?;
    Ok(StateDirectory {
        certs,
        store,
        is_fixed: false,
    })
}

/// Opens a complete state directory for reading only; fails if [`open`] would change anything in it. Other processes may
/// read it at the same time.
pub(crate) fn open_complete(
    state: &Path,
    cluster: &Cluster,
    now: i64,
) -> anyhow::Result<StateDirectory> {
    let mut store = StateStore::preview(state)?;
    let found = FoundState::read(&store.reader(), cluster, now)?;
    let certs = found.complete(&mut store, cluster, now)?;
    match store.first_staged() {
        None => Ok(StateDirectory {
            certs,
            store,
            is_fixed: true,
        }),
        Some(name) => {
            let what = match fs_err::exists(state)? {
                true => format!("is incomplete: it has no current {name}"),
                false => "does not exist".to_owned(),
            };
            let hint = "a shard creates no keys: run `etcd-image state init` with the same fleet, then copy the state \
                        directory to every worker";
            Err(refused(state, &what, hint))
        }
    }
}

/// Returns what [`open`] would return, without changing anything. Missing parts are created only for this call, so new
/// certificates and keys have other fingerprints than those a build will write.
pub fn preview(state: &Path, cluster: &Cluster, now: i64) -> anyhow::Result<Certs> {
    let mut store = StateStore::preview(state)?;
    let found = FoundState::read(&store.reader(), cluster, now)?;
    found.complete(&mut store, cluster, now)
}

/// Returns a warning about each replaced node that was never built with this state directory.
pub(crate) fn unknown_replaced(state: &Path, cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let mut warnings = Vec::new();
    for node in &cluster.nodes {
        if let Some(old) = &node.replaces
            && !fs_err::exists(state.join("nodes").join(old))?
        {
            warnings.push(format!(
                "warning: node {} replaces `{old}`, of which the state directory {} has no keys: `replaces` has no effect \
                 unless the running cluster has a member of that name",
                node.name,
                state.display()
            ));
        }
    }
    Ok(warnings)
}

/// Refuses the state directory of one cluster as the directory that contains those of a fleet.
pub(crate) fn refuse_cluster(root: &Path) -> anyhow::Result<()> {
    match fs_err::exists(root.join("ca.key"))? || fs_err::exists(root.join("seed"))? {
        true => Err(refused(
            root,
            "is the state directory of one cluster",
            "name another directory with `--state`; the clusters of a fleet have directories of their own in it",
        )),
        false => Ok(()),
    }
}

/// Reads a certificate from its PEM, which may continue with those above it.
pub fn certificate(pem: &str) -> anyhow::Result<Certificate> {
    let first = facts(pem)?.into_iter().next().map(|it| it.certificate);
    Ok(Certificate {
        pem: pem.to_owned(),
        ..first.context("reading a certificate")?
    })
}

/// Returns the common name of the first certificate of a PEM, or an empty text.
pub fn common_name(pem: &str) -> anyhow::Result<String> {
    let all = facts(pem)?;
    Ok(all.first().map_or("", |it| it.common_name()).to_owned())
}

/// Returns each certificate of a CA's PEM as a directory of trusted certificates holds it.
pub fn trusted(authority: &str) -> anyhow::Result<Vec<TrustedCertificate>> {
    let trusted = facts(authority)?;
    let trusted = trusted.iter().map(TrustedCertificate::new);
    trusted
        .collect::<Option<_>>()
        .context("reading the subject of the CA")
}

/// Returns the text up to the first private key: the certificates of a file that contains both.
pub fn without_keys(pem: &str) -> &str {
    let mut begins = pem.match_indices("-----BEGIN ").map(|(at, _)| at);
    let is_key = |at: &usize| {
        let line = pem.get(*at..).and_then(|rest| rest.lines().next());
        line.is_some_and(|line| line.contains("PRIVATE KEY"))
    };
    let end = begins.find(is_key).unwrap_or(pem.len());
    pem.get(..end).unwrap_or(pem)
}

/// Returns whether one of the CAs in `authority` may sign certificates and issued and signed the certificate `leaf`, both PEM.
pub fn is_signed_by(leaf: &str, authority: &str) -> anyhow::Result<bool> {
    let (leaf, authorities) = (facts(leaf)?, facts(authority)?);
    let mut signers = authorities.iter().filter(|it| it.is_authority);
    Ok(signers.any(|signer| {
        let leaf = leaf.first();
        leaf.is_some_and(|leaf| x509::is_signed_by(leaf, signer))
    }))
}

/// Returns whether the private key belongs to the certificate, both PEM; `false` if the text is not a key.
pub fn is_key_of(key: &str, certificate: &str) -> anyhow::Result<bool> {
    let certificates = facts(certificate)?;
    let public = certificates.first().map(|it| it.public_key.as_slice());
    let key = keys::parse(key.as_bytes());
    Ok(key.is_ok_and(|key| public == Some(key.public_key_raw())))
}

fn facts(pem: &str) -> anyhow::Result<Vec<x509::CertificateFacts>> {
    x509::read_all(pem).map_err(|what| {
        let message = format!("the certificate {what}");
        Kind::Verification.error(message, "build the image again")
    })
}

/// Creates the error for an invalid file in the state directory.
fn refused(path: &Path, what: &str, hint: impl Into<String>) -> anyhow::Error {
    Kind::Usage.error(format!("{} {what}", path.display()), hint)
}

#[cfg(test)]
mod tests;
