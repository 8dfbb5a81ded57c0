//! Bytes in a store, named by their digest.

/// The digest and the length of bytes in a store.
pub(crate) use crate::digest::Digested as Blob;

impl Blob {
    /// Returns the name of the bytes in a store.
    pub(super) fn name(&self) -> String {
        format!("blobs/sha256/{}", self.sha256)
    }
}
