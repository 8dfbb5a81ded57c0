//! The snapshot with which new images begin.

use anyhow::Result;

use super::job::Job;
use crate::snapshot::Snapshot;

impl Job {
    /// Reads the snapshot that the options name.
    pub(crate) fn snapshot(&self) -> Result<Option<Snapshot>> {
        let nodes = &self.work.nodes;
        let Some(place) = nodes.restore.as_deref() else {
            return Ok(None);
        };
        let variables = &self.environment.stores.aws;
        Snapshot::open(place, nodes.restore_identity.as_deref(), variables).map(Some)
    }
}
