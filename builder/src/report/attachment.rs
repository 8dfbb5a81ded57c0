//! Files that accompany published images, and their records in the manifest.

use serde::{Deserialize, Serialize};

use crate::hex;

/// A file that accompanies images.
#[derive(Clone, Debug)]
pub(crate) struct Attachment {
    /// Its name in the output directory.
    pub name: String,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The record of an attachment, or of a file in `client/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttachmentRecord {
    /// Its name in the output directory.
    pub name: String,
    /// SHA-256 of its content, lower-case hexadecimal.
    pub sha256: String,
}

impl AttachmentRecord {
    pub(super) fn new(name: &str, bytes: &[u8]) -> Self {
        Self {
            name: name.to_owned(),
            sha256: hex::sha256(bytes),
        }
    }
}
