//! Bytes that must not be printed: private keys and passwords.

use std::fmt;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Secret bytes: wiped when dropped, shown only as a fingerprint that takes a key to make.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes the bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// The bytes themselves, for writing into a 0600 file and nothing else.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }

    /// 16 hexadecimal digits: enough to compare plans of one cluster, useless to guess a weak password from.
    pub fn fingerprint(&self, key: &FingerprintKey) -> String {
        let digest = Sha256::new()
            .chain_update(key.0.as_ref())
            .chain_update(self.reveal())
            .finalize();
        crate::hex::encode(digest.get(..8).unwrap_or_default())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What fingerprints of a cluster's secrets are keyed with; derived from the seed of its state folder.
#[derive(Clone)]
pub struct FingerprintKey(Zeroizing<[u8; 32]>);

impl FingerprintKey {
    /// Takes the bytes over.
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
        assert_eq!(password.fingerprint(&one).len(), 16);
        assert_eq!(
            format!("{password:?} {one:?}"),
            "Secret(…) FingerprintKey(…)"
        );
    }
}
