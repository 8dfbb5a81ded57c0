//! The inputs that `etcd-image fetch` put into the cache.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use super::manifest::InputRecord;
use crate::fetch::{EtcdBinaries, Verified};

/// The inputs of a build.
#[derive(Debug, Serialize)]
pub(crate) struct FetchReport {
    /// Version of this format.
    pub format: u32,
    /// The base image.
    pub base: Raw,
    /// etcd's binaries.
    pub etcd: InputRecord,
}

/// A base image and its location.
#[derive(Debug, Serialize)]
pub(crate) struct Raw {
    /// Its name, its source, and the digest of its bytes.
    #[serde(flatten)]
    pub input: InputRecord,
    /// Path of the unpacked image, in the cache unless the user provided it unpacked.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
}

impl FetchReport {
    /// Creates the record of both inputs.
    pub(crate) fn new(input: InputRecord, base: &Verified, etcd: &EtcdBinaries) -> Self {
        let base = Raw {
            input,
            path: base.path().display().to_string(),
            size: base.size(),
        };
        let etcd = InputRecord::etcd(etcd);
        Self {
            format: 1,
            base,
            etcd,
        }
    }
}

impl Display for FetchReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (what, input) in [("base", &self.base.input), ("etcd", &self.etcd)] {
            writeln!(
                f,
                "{what}  {}\n      {}\n      sha256 {}",
                input.name, input.source, input.sha256
            )?;
        }
        Ok(())
    }
}
