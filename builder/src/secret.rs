//! Bytes that must not be printed: private keys and password hashes.

use std::fmt;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Secret bytes: wiped when dropped, shown only as the start of their SHA-256.
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

    /// `SHA256:` and the first 16 hexadecimal digits: enough to compare, useless to guess from.
    pub fn fingerprint(&self) -> String {
        let digest = crate::hex::encode(&Sha256::digest(self.reveal()));
        format!("SHA256:{}", digest.get(..16).unwrap_or(&digest))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.fingerprint())
    }
}
