//! How two secrets differ: by fingerprints that do not allow guessing them.

use std::path::Path;

use anyhow::Result;

use crate::failure::Kind;
use crate::pki;
use crate::secret::{FingerprintKey, Secret};

/// The state directory that is read if the user names none.
const DEFAULT_STATE: &str = "etcd-cluster";

/// Returns the key of the fingerprints of a cluster. `None` if the user names no state directory, and there is none.
pub(super) fn key(state: Option<&Path>, cluster: Option<&str>) -> Result<Option<FingerprintKey>> {
    let mut folder = state.unwrap_or(Path::new(DEFAULT_STATE)).to_owned();
    folder.extend(cluster);
    let key = pki::fingerprint_key(&folder)?;
    if key.is_none() && state.is_some() {
        return Err(Kind::Usage.error(
            format!("{} does not exist", folder.join("seed").display()),
            "name the state directory of the images' cluster with `--state`",
        ));
    }
    Ok(key)
}

/// Returns what may be shown of two secrets: the fingerprints of two different public keys if both are private keys, otherwise
/// the fingerprints with the key.
pub(super) fn shown(a: Vec<u8>, b: Vec<u8>, key: Option<&FingerprintKey>) -> Option<[String; 2]> {
    let [a, b] = [a, b].map(Secret::new);
    let public_key = |secret: &Secret| pki::public_key_fingerprint(secret.reveal());
    if let (Some(of_a), Some(of_b)) = (public_key(&a), public_key(&b))
        && of_a != of_b
    {
        return Some([of_a, of_b].map(|it| format!("private key of the public key {it}")));
    }
    let key = key?;
    Some([a, b].map(|secret| format!("secret {}", secret.fingerprint(key))))
}
