//! Where a run keeps downloads: a directory, and a store that several machines share.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::Result;

use crate::cli::Environment;
use crate::failure::Kind;
use crate::store::{Address, SharedCache};

/// Returns the cache directory: the one that the user names, or the default one if the user names a store or nothing.
pub(crate) fn local_cache<'a>(
    named: Option<&'a Path>,
    environment: &'a Environment,
) -> Result<&'a Path> {
    let store = named
        .map(|named| Address::of(named, "--cache"))
        .transpose()?;
    let folder = named.filter(|_| store.flatten().is_none());
    folder.or(environment.cache.as_deref()).ok_or_else(no_cache)
}

/// The shared cache of a run, opened when it is needed.
#[derive(Debug, Default)]
pub(crate) struct SharedOnce(OnceLock<SharedCache>);

impl SharedOnce {
    /// Returns the shared cache if the user names a store.
    pub(crate) fn get(
        &self,
        named: Option<&Path>,
        environment: &Environment,
    ) -> Result<Option<&SharedCache>> {
        let store = named
            .map(|named| Address::of(named, "--cache"))
            .transpose()?;
        let bucket = match store.flatten() {
            None => return Ok(None),
            Some(Address::S3(bucket)) => bucket,
            Some(address @ Address::Oci(_)) => {
                return Err(Kind::Usage.error(
                    format!("--cache: {address}: a registry removes what no image names"),
                    "share downloads with `--cache s3://bucket/prefix`",
                ));
            }
        };
        if self.0.get().is_none() {
            // Another thread may be faster; its client is as good.
            let _ = self
                .0
                .set(SharedCache::open(&bucket, &environment.stores.aws)?);
        }
        Ok(self.0.get())
    }
}

/// Creates the error for a missing cache directory.
pub(crate) fn no_cache() -> anyhow::Error {
    Kind::Usage.error(
        "there is no home directory, and therefore no default cache directory",
        "name one with `--cache`",
    )
}
