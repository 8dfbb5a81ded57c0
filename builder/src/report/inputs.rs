//! What `etcd-image fetch` put into the cache.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::manifest::InputRecord;
use crate::fetch::EtcdBinaries;

/// The inputs of a build.
#[derive(Debug, Serialize)]
pub struct Inputs {
    /// Version of this format.
    pub format: u32,
    /// The base image.
    pub base: InputRecord,
    /// etcd's binaries.
    pub etcd: InputRecord,
}

impl Inputs {
    /// The records of both.
    pub fn new(base: InputRecord, etcd: &EtcdBinaries) -> Self {
        let etcd = InputRecord::etcd(etcd);
        Self {
            format: 1,
            base,
            etcd,
        }
    }
}

impl Display for Inputs {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (what, input) in [("base", &self.base), ("etcd", &self.etcd)] {
            writeln!(
                f,
                "{what}  {}\n      {}\n      sha256 {}",
                input.name, input.source, input.sha256
            )?;
        }
        Ok(())
    }
}
