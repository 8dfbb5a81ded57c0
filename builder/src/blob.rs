//! Bytes that several nodes share: stored once, hashed once.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use sha2::{Digest as _, Sha256};

use crate::hex;

/// Bytes that may be shown. A clone shares the bytes instead of copying them.
#[derive(Clone)]
pub struct Blob(Arc<Inner>);

struct Inner {
    bytes: Vec<u8>,
    sha256: OnceLock<String>,
}

impl Blob {
    /// Returns the SHA-256 in lower-case hexadecimal, computed at the first call.
    pub fn sha256(&self) -> &str {
        let digest = || hex::encode(&Sha256::digest(&self.0.bytes));
        self.0.sha256.get_or_init(digest)
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0.bytes
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        let sha256 = OnceLock::new();
        Self(Arc::new(Inner { bytes, sha256 }))
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Blob {}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Blob;

    #[test]
    fn its_digest_is_that_of_its_bytes() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let blob = Blob::from(b"abc".to_vec());
        let same = blob.clone();
        assert_eq!((blob.sha256(), same.sha256()), (expected, expected));
        assert_eq!(blob, Blob::from(b"abc".to_vec()));
        assert_ne!(blob, Blob::from(b"abd".to_vec()));
    }
}
