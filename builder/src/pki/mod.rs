//! Keys and certificates of a cluster, kept in its state folder.
//!
//! ```text
//! etcd-cluster/                    0700, everything in it 0600
//!   ca.crt  ca.key                 the CA; the key leaves this folder never
//!   admin.crt  admin.key           the operator's client certificate
//!   seed                           what machine ids, disk ids and the token are derived from
//!   nodes/<name>/server.{crt,key}  for clients
//!   nodes/<name>/peer.{crt,key}    between members
//!   nodes/<name>/ssh_host_ed25519_key(.pub)
//!   etcd-pins.toml                 digests of etcd releases, as `fetch` learned them
//! ```

mod certs;

mod authority;
mod derive;
mod host_key;
mod identity;
mod keys;
mod leaf;
mod modes;
mod store;
mod x509;

use std::path::Path;

use anyhow::Context as _;

pub use certs::{Certificate, Certs, KeyPair, NodeIdentity};

use crate::failure::{Failure, Kind};
use crate::spec::Cluster;
use identity::Found;
use store::Store;

/// An open state folder: the identity of a cluster, of which what is new is not written yet.
pub struct State {
    /// The identity.
    pub certs: Certs,
    store: Store,
}

impl State {
    /// One more file to be written.
    pub fn add(&mut self, name: &str, text: &str) {
        self.store.stage(name, text);
    }

    /// Writes what is new: all of it or, killed on the way, whole old and whole new files.
    pub fn keep(&self) -> anyhow::Result<()> {
        self.store.commit()
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("State").field(&self.certs).finish()
    }
}

/// The identity of a cluster: what the state folder holds, completed and brought up to date at `now`
/// (seconds since 1970). Nothing is changed before [`State::keep`]; others wait until the state is dropped.
pub fn open(state: &Path, cluster: &Cluster, now: i64) -> anyhow::Result<State> {
    let mut store = Store::open(state, |reader| Found::read(reader, cluster, now).map(drop))?;
    let found = Found::read(&store.reader(), cluster, now)?;
    let certs = found
        .complete(&mut store, cluster, now)
        .with_context(|| format!("completing the state folder {}", state.display()))?;
    Ok(State { certs, store })
}

/// What [`open`] would return, without changing anything: what is missing is made up for this once, so new
/// certificates and keys have other fingerprints than those a build will write.
pub fn preview(state: &Path, cluster: &Cluster, now: i64) -> anyhow::Result<Certs> {
    let mut store = Store::preview(state)?;
    let found = Found::read(&store.reader(), cluster, now)?;
    found.complete(&mut store, cluster, now)
}

/// Reads a certificate from its PEM.
pub fn certificate(pem: &str) -> anyhow::Result<Certificate> {
    Ok(facts(pem)?.certificate)
}

/// Whether the certificate `leaf` was issued and signed by `authority`, both PEM, which may sign certificates.
pub fn is_signed_by(leaf: &str, authority: &str) -> anyhow::Result<bool> {
    let (leaf, authority) = (facts(leaf)?, facts(authority)?);
    Ok(authority.is_authority && x509::is_signed_by(&leaf, &authority))
}

/// Whether the private key belongs to the certificate, both PEM; what is no key belongs to none.
pub fn is_key_of(key: &str, certificate: &str) -> anyhow::Result<bool> {
    let public = facts(certificate)?.public_key;
    Ok(keys::parse(key.as_bytes()).is_ok_and(|key| key.public_key_raw() == public))
}

fn facts(pem: &str) -> anyhow::Result<x509::Facts> {
    x509::read(pem).map_err(|what| {
        let message = format!("the certificate {what}");
        Failure::new(Kind::Verification, message, "build the image again")
    })
}

/// Something in the state folder is not what it must be.
fn refused(path: &Path, what: &str, hint: impl Into<String>) -> anyhow::Error {
    Failure::new(Kind::Usage, format!("{} {what}", path.display()), hint)
}

#[cfg(test)]
mod tests;
