//! Bytes in a store, named by their digest.

/// The digest and the length of bytes in a store.
pub(crate) use crate::digest::Digested as Blob;
use crate::failure::Kind;

impl Blob {
    /// Returns the name of the bytes in a store.
    pub(super) fn name(&self) -> String {
        name(&self.sha256)
    }

    /// Returns the error for a store that returned these bytes from a place to which it was sent others.
    pub(super) fn unlike_sent(&self, place: &str) -> anyhow::Error {
        Kind::Verification.error(
            format!(
                "{place} returns other bytes than it was sent: SHA-256 {}",
                self.sha256
            ),
            "run the command again; if that repeats, the store or its disk is faulty",
        )
    }
}

/// Returns the name of the bytes with this digest in a store.
pub(super) fn name(sha256: &str) -> String {
    format!("blobs/sha256/{sha256}")
}
