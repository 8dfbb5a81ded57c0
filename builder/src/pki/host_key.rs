//! SSH host keys: one Ed25519 key per node, created once, so that clients still recognize a rebuilt node.

use std::path::Path;

use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, LineEnding, PrivateKey};

use super::refused;
use super::store::{StateReader, StateStore};
use crate::secret::Secret;

/// A node's host key.
pub(super) struct HostKey {
    /// The private key in OpenSSH's format.
    pub(super) private: Secret,
    /// The public key, `ssh-ed25519 AAAA…`, without a comment.
    pub(super) public: String,
}

fn key_file_name(node: &str) -> String {
    format!("nodes/{node}/ssh_host_ed25519_key")
}

/// Reads the key of a node, if it exists.
pub(super) fn read(reader: &StateReader, node: &str) -> anyhow::Result<Option<HostKey>> {
    let name = key_file_name(node);
    let Some(bytes) = reader.secret(&name)? else {
        return Ok(None);
    };
    let hint = "restore it from your backup, or remove it to have a new one made";
    let key = PrivateKey::from_openssh(&bytes)
        .map_err(|_| refused(&reader.path(&name), "is not an OpenSSH private key", hint))?;
    if key.algorithm() != Algorithm::Ed25519 || key.is_encrypted() {
        return Err(refused(
            &reader.path(&name),
            "is not an unencrypted Ed25519 key",
            hint,
        ));
    }
    let public = public(&key)?;
    let beside = format!("{name}.pub");
    if let Some(text) = reader.public(&beside)?
        && !text.split_whitespace().take(2).eq(public.split(' '))
    {
        let hint = "restore it from your backup, or remove it: the private key contains it";
        let what = format!("is not the public key of {}", reader.path(&name).display());
        return Err(refused(&reader.path(&beside), &what, hint));
    }
    Ok(Some(HostKey {
        public,
        private: Secret::new(bytes.to_vec()),
    }))
}

/// Returns the public key that a state directory keeps for a node, `ssh-ed25519 AAAA…`, if there is one. A change of the CA keeps it.
pub(crate) fn public_host_key(state: &Path, node: &str) -> anyhow::Result<Option<String>> {
    let reader = StateStore::preview(state)?.reader();
    let text = reader.public(&format!("{}.pub", key_file_name(node)))?;
    Ok(text.map(|text| {
        let key = text.split_whitespace().take(2);
        key.collect::<Vec<_>>().join(" ")
    }))
}

/// Returns whether the public half of a node's key exists: the private one was created before.
pub(super) fn is_published(reader: &StateReader, node: &str) -> anyhow::Result<bool> {
    Ok(reader
        .public(&format!("{}.pub", key_file_name(node)))?
        .is_some())
}

/// Returns the note about a node whose key was missing and is created again: programs that know the old key refuse the new one.
pub(super) fn replaced(node: &str) -> String {
    let file = key_file_name(node);
    format!(
        "created a new SSH host key for {node}, because {file} was missing: flash {node} again, and remove the old key with \
         `ssh-keygen -R {node}` wherever your own known_hosts contains it"
    )
}

/// Creates a key and stages it together with its public half.
pub(super) fn create(store: &mut StateStore, node: &str) -> anyhow::Result<HostKey> {
    let key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519)?;
    let private = Secret::new(key.to_openssh(LineEnding::LF)?.as_bytes());
    let public = public(&key)?;
    store.stage(key_file_name(node), private.reveal());
    store.stage(
        format!("{}.pub", key_file_name(node)),
        format!("{public} root@{node}\n"),
    );
    Ok(HostKey { private, public })
}

fn public(key: &PrivateKey) -> anyhow::Result<String> {
    let mut public = key.public_key().clone();
    public.set_comment("");
    Ok(public.to_openssh()?.trim_end().to_owned())
}
