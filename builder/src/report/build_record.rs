//! The build that made an image, as the manifest lists it.

use serde::{Deserialize, Serialize};

/// What the images of a build have in common. A directory may have images of several builds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BuildRecord {
    /// Version of etcd-image.
    pub version: String,
    /// SHA-256 of the lock file, lower-case hexadecimal.
    pub lock: String,
}
