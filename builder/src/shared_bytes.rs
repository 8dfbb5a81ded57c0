//! Bytes that several nodes share: stored once, hashed once.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use crate::hex;

/// Bytes that may be shown. A clone shares the bytes instead of copying them.
#[derive(Clone)]
pub struct SharedBytes {
    bytes: Arc<Vec<u8>>,
    sha256: Arc<OnceLock<String>>,
}

impl SharedBytes {
    /// Returns the SHA-256 in lower-case hexadecimal, computed at the first call.
    pub fn sha256(&self) -> &str {
        let digest = || hex::sha256(&**self);
        self.sha256.get_or_init(digest)
    }

    /// Returns the bytes, shared with this value.
    pub(crate) fn shared(&self) -> Arc<Vec<u8>> {
        self.bytes.clone()
    }
}

impl Deref for SharedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl From<Vec<u8>> for SharedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Arc::new(bytes),
            sha256: Arc::default(),
        }
    }
}

impl PartialEq for SharedBytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for SharedBytes {}

impl fmt::Debug for SharedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedBytes({} bytes)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::SharedBytes;

    #[test]
    fn its_digest_is_that_of_its_bytes() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let blob = SharedBytes::from(b"abc".to_vec());
        let same = blob.clone();
        assert_eq!((blob.sha256(), same.sha256()), (expected, expected));
        assert_eq!(blob, SharedBytes::from(b"abc".to_vec()));
        assert_ne!(blob, SharedBytes::from(b"abd".to_vec()));
    }
}
