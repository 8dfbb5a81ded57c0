//! The changed paths of an image, as the manifest lists them.

use serde::{Deserialize, Serialize};

use crate::inspect::{Attributes, Volume};
use crate::plan::{Action, Step};

/// One changed path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    /// Which partition.
    pub partition: Volume,
    /// Absolute path in that partition.
    pub path: String,
    /// The content.
    #[serde(flatten)]
    pub kind: RecordKind,
}

/// The content of a changed path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum RecordKind {
    /// A regular file.
    File {
        /// Permission bits, four octal digits.
        mode: String,
        /// User ID of the owner.
        uid: u32,
        /// Group ID.
        gid: u32,
        /// Size in bytes.
        size: u64,
        /// SHA-256 of its content.
        sha256: String,
    },
    /// A directory.
    Folder {
        /// Permission bits, four octal digits.
        mode: String,
        /// User ID of the owner.
        uid: u32,
        /// Group ID.
        gid: u32,
    },
    /// A symbolic link.
    Link {
        /// Its target.
        target: String,
    },
    /// Nothing: the base's file was removed.
    Absent,
}

impl RecordKind {
    /// Removes the digest of a file that others may not read.
    pub(super) fn withhold(&mut self) {
        if let Self::File { mode, sha256, .. } = self
            && u16::from_str_radix(mode, 8).is_ok_and(|mode| mode & 0o004 == 0)
        {
            sha256.clear();
        }
    }
}

impl FileRecord {
    /// Returns the record of a planned edit, for display.
    pub(super) fn planned(step: &Step) -> Self {
        let mut record = Self::new(step);
        record.kind.withhold();
        record
    }

    /// Returns the record of an edit.
    pub(super) fn new(step: &Step) -> Self {
        let mode = |attributes: &Attributes| format!("{:04o}", attributes.mode);
        let kind = match &step.action {
            Action::WriteFile {
                content,
                attributes,
            } => RecordKind::File {
                mode: mode(attributes),
                uid: attributes.uid,
                gid: attributes.gid,
                size: u64::try_from(content.bytes().len()).unwrap_or(u64::MAX),
                sha256: content.sha256(),
            },
            Action::MakeFolder { attributes } | Action::SetAttributes { attributes } => {
                RecordKind::Folder {
                    mode: mode(attributes),
                    uid: attributes.uid,
                    gid: attributes.gid,
                }
            }
            Action::MakeSymlink { target } => RecordKind::Link {
                target: target.clone(),
            },
            Action::Remove => RecordKind::Absent,
        };
        Self {
            partition: step.volume,
            path: step.path.clone(),
            kind,
        }
    }
}
