//! What `etcd-image update` found.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use serde::Serialize;

use crate::lock::LockDifference;

/// The newer inputs, entry by entry.
#[derive(Debug, Serialize)]
pub(crate) struct Update {
    /// Version of this format.
    pub format: u32,
    /// Path of the lock file.
    pub lock: String,
    /// Whether the lock file was written.
    pub written: bool,
    /// The entries that changed.
    pub changes: Vec<LockDifference>,
}

impl Update {
    /// Creates the record of an update.
    pub(crate) fn new(lock: &Path, changes: Vec<LockDifference>, dry_run: bool) -> Self {
        Self {
            format: 1,
            lock: lock.display().to_string(),
            written: !dry_run && !changes.is_empty(),
            changes,
        }
    }
}

impl Display for Update {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        let lock = &self.lock;
        match (self.changes.is_empty(), self.written) {
            (true, _) => writeln!(f, "nothing is newer than {lock}"),
            (false, true) => writeln!(f, "{lock} is updated: build the images again"),
            (false, false) => writeln!(f, "{lock} is unchanged"),
        }
    }
}
