//! Bytes that must not be printed: private keys and passwords.

use std::fmt;
use std::sync::Arc;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// Secret bytes: wiped when dropped, shown only as a keyed fingerprint. A clone shares the bytes instead of copying them.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<Zeroizing<Vec<u8>>>);

impl Secret {
    /// Takes ownership of the bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes.into())))
    }

    /// Returns the bytes, for writing them into a file with mode 0600, and for computing what does not reveal them.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// Returns sixteen hexadecimal digits, enough to compare the plans of one cluster, useless for guessing a weak
    /// password.
    pub fn fingerprint(&self, key: &FingerprintKey) -> String {
        let digest = hmac_sha256(key.0.as_ref(), self.reveal());
        crate::hex::encode(&digest[..8])
    }
}

/// Returns the HMAC-SHA-256 (RFC 2104).
pub(crate) fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC accepts keys of any length");
    hmac.update(message);
    hmac.finalize().into_bytes().into()
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The key of the fingerprints of a cluster's secrets, derived from the seed of its state directory.
#[derive(Clone)]
pub struct FingerprintKey(Zeroizing<[u8; 32]>);

impl FingerprintKey {
    /// Takes ownership of the bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for FingerprintKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FingerprintKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_says_nothing_without_its_key() {
        let (one, other) = (FingerprintKey::new([1; 32]), FingerprintKey::new([2; 32]));
        let password = Secret::new("correct horse");
        assert_eq!(
            password.fingerprint(&one),
            Secret::new("correct horse").fingerprint(&one)
        );
        assert_ne!(
            password.fingerprint(&one),
            Secret::new("correct hors").fingerprint(&one)
        );
        assert_ne!(password.fingerprint(&one), password.fingerprint(&other));
        assert_eq!(password.fingerprint(&one), "c5a208a1bd892e14");
        assert_eq!(
            format!("{password:?} {one:?}"),
            "Secret(…) FingerprintKey(…)"
        );
    }
}
