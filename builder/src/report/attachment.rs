//! Files that accompany images, and their records in the manifest.

use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::failure::Kind;
use crate::hex;

/// How the name of a block map ends.
pub(super) const MAP_ENDING: &str = ".bmap";

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

    /// Reads the file from an output directory. Fails if its content is not that of the record.
    pub(crate) fn read(&self, folder: &Path) -> Result<Vec<u8>> {
        let path = folder.join(&self.name);
        let bytes = fs_err::read(&path)?;
        let found = hex::sha256(&bytes);
        if found == self.sha256 {
            return Ok(bytes);
        }
        Err(Kind::Verification.error(
            format!(
                "{} has the SHA-256 {found}, the manifest has {}",
                path.display(),
                self.sha256
            ),
            "make sure that nothing else writes to the directory, and run the command again",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_with_another_content_than_the_record_is_refused() {
        let folder = tempfile::TempDir::new().unwrap();
        let record = AttachmentRecord::new("client/ca.crt", b"built");
        let path = folder.path().join("client/ca.crt");
        fs_err::create_dir(folder.path().join("client")).unwrap();
        fs_err::write(&path, "built").unwrap();
        assert_eq!(record.read(folder.path()).unwrap(), b"built");
        fs_err::write(&path, "other").unwrap();
        let refused = record.read(folder.path()).unwrap_err().to_string();
        let start = format!("{} has the SHA-256 ", path.display());
        assert!(refused.starts_with(&start), "{refused}");
    }
}
