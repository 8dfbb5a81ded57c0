//! The releases of etcd, as listed in `recipes/etcd.toml`.

use std::collections::BTreeMap;

use anyhow::Result;
use serde::Deserialize;

use super::is_sha256;
use crate::failure::{Kind, parse_toml};

/// The addresses of etcd's releases and the digests known in advance.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EtcdReleases {
    mirrors: Vec<String>,
    tarball: String,
    /// The SHA-256 of the arm64 tarball, by version without the `v`.
    pub sha256: BTreeMap<String, String>,
}

impl EtcdReleases {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let releases: Self = parse_toml(text).map_err(|what| wrong(&what))?;
        if releases.mirrors.is_empty() {
            return Err(wrong("`mirrors` is empty"));
        }
        match releases
            .sha256
            .iter()
            .find(|(_, digest)| !is_sha256(digest))
        {
            None => Ok(releases),
            Some((version, digest)) => {
                Err(wrong(&format!("`{digest}` of {version} is not a SHA-256")))
            }
        }
    }

    /// Returns the name of the version's tarball, as in its `SHA256SUMS`.
    pub fn tarball(&self, version: &str) -> String {
        self.tarball.replace("{version}", version)
    }

    /// Returns the addresses of a file of the version, in the order in which they are tried.
    pub fn urls<'a>(
        &'a self,
        version: &'a str,
        file: &'a str,
    ) -> impl Iterator<Item = String> + 'a {
        let folders = self.mirrors.iter();
        folders.map(move |folder| format!("{}/{file}", folder.replace("{version}", version)))
    }
}

fn wrong(what: &str) -> anyhow::Error {
    Kind::Usage.error(
        format!("recipe etcd.toml: {what}"),
        "compare it with recipes/etcd.toml of this release",
    )
}
