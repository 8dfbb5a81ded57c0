//! Lower-case hexadecimal, the notation of digests.

use sha2::{Digest as _, Sha256};

/// Returns the bytes as lower-case hexadecimal digits, two per byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}

/// Returns the SHA-256 of the bytes.
pub(crate) fn sha256(bytes: impl AsRef<[u8]>) -> String {
    encode(&Sha256::digest(bytes))
}
