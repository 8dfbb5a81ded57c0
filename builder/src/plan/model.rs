//! A plan: the content before and after, and the reason for each change, but not how it is written.

use crate::inspect::{Attributes, Before, Volume};
use crate::overlay::FileContent;
use crate::secret::FingerprintKey;

/// Every edit of one node's image.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Node name.
    pub node: String,
    /// MBR disk signature, before and after.
    pub disk_id: (u32, u32),
    /// File edits of the boot partition, then of the root, in the order they are applied.
    pub steps: Vec<Step>,
    /// Seconds since 1970 given to everything written.
    pub time: i64,
    /// The key for showing secrets as fingerprints.
    pub fingerprints: FingerprintKey,
}

/// The edit of one path.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// Which partition.
    pub volume: Volume,
    /// Absolute path.
    pub path: String,
    /// The content of the base at this path.
    pub before: Before,
    /// The change.
    pub action: Action,
    /// The reason.
    pub why: String,
}

/// A change of a path.
#[derive(Clone, Debug)]
pub(crate) enum Action {
    /// Create or replace a file.
    WriteFile {
        /// The bytes.
        content: FileContent,
        /// Permission bits, user ID and group ID.
        attributes: Attributes,
    },
    /// Create a directory; its parent exists by then.
    MakeFolder {
        /// Permission bits, user ID and group ID.
        attributes: Attributes,
    },
    /// Change mode and owner of an existing path.
    SetAttributes {
        /// Permission bits, user ID and group ID.
        attributes: Attributes,
    },
    /// Create or replace a symbolic link.
    MakeSymlink {
        /// Its target.
        target: String,
    },
    /// Remove a file or symbolic link.
    Remove,
}

impl Plan {
    /// Returns the bytes of file content that the plan adds to a partition.
    pub(crate) fn bytes(&self, volume: Volume) -> u64 {
        let size = |step: &Step| match &step.action {
            Action::WriteFile { content, .. } => {
                u64::try_from(content.bytes().len()).unwrap_or(u64::MAX)
            }
            _ => 0,
        };
        self.steps
            .iter()
            .filter(|step| step.volume == volume)
            .map(size)
            .sum()
    }

    /// Returns the number of files and directories that the plan adds to a partition.
    pub(crate) fn files(&self, volume: Volume) -> usize {
        let adds = |step: &&Step| {
            let action = &step.action;
            let creates = !matches!(action, Action::SetAttributes { .. } | Action::Remove);
            step.volume == volume && step.before == Before::Missing && creates
        };
        self.steps.iter().filter(adds).count()
    }
}
