//! What a build in a store consists of.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cli::Shard;

/// What a build in a store consists of. Only another build of the same replaces it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Content {
    /// The cluster with this name.
    Cluster(String),
    /// A fleet, or one of its shards.
    Fleet(Option<Shard>),
}

impl Content {
    /// Returns the name of the cluster, if it is one.
    pub(super) fn cluster(&self) -> Option<&String> {
        match self {
            Self::Cluster(name) => Some(name),
            Self::Fleet(_) => None,
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(name) => write!(f, "cluster `{name}`"),
            Self::Fleet(None) => f.write_str("a fleet"),
            Self::Fleet(Some(shard)) => write!(f, "shard {shard} of a fleet"),
        }
    }
}
