//! What shows whether two secrets, or the keys of two clusters, are the same, and does not allow guessing them.

use std::path::Path;

use rcgen::PublicKeyData as _;
use ssh_key::{HashAlg, PrivateKey};

use super::identity::read_seed;
use super::keys;
use super::store::StateStore;
use crate::hex;
use crate::secret::{FingerprintKey, Secret};

/// Returns the key of the fingerprints of a cluster's secrets, or `None` if the directory does not contain a seed.
pub(crate) fn fingerprint_key(state: &Path) -> anyhow::Result<Option<FingerprintKey>> {
    let reader = StateStore::preview(state)?.reader();
    let seed = read_seed(&reader, false)?;
    Ok(seed.map(|seed| seed.fingerprints()))
}

/// Returns what shows whether two state directories have the same seed, which a change of the CA keeps; `None` if the directory does not
/// contain a seed.
pub(crate) fn state_fingerprint(state: &Path) -> anyhow::Result<Option<String>> {
    let key = fingerprint_key(state)?;
    Ok(key.map(|key| Secret::new("the state directory").fingerprint(&key)))
}

/// Returns the fingerprint of the public key of a private one, or `None` if the content is not a private key that can be read
/// without a passphrase. It is the SHA-256 of the key in DER form (RFC 5280, `SubjectPublicKeyInfo`), or what `ssh-keygen -l`
/// prints of an SSH key.
pub(crate) fn public_key_fingerprint(private: &[u8]) -> Option<String> {
    if let Ok(key) = PrivateKey::from_openssh(private) {
        return Some(key.fingerprint(HashAlg::Sha256).to_string());
    }
    let key = keys::parse(private).ok()?;
    Some(hex::sha256(key.subject_public_key_info()))
}
