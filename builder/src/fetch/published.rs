//! Gets a published base: from the cache, or from its address.

use anyhow::Result;

use super::cache::Cache;
use super::resolve::Resolved;
use super::verified::Verified;
use super::{Options, download, image, is, partial, signed};
use crate::failure::{self, Kind};
use crate::lock::LockedBase;
use crate::recipe::{DigestSource, Download};

/// Returns the published base of a recipe: the locked one, or else the one that the recipe names now.
pub(super) fn base(
    recipe: &str,
    download: &Download,
    locked: Option<&LockedBase>,
    options: &Options<'_>,
) -> Result<(Verified, LockedBase)> {
    let locked = locked.and_then(|locked| Some((locked, locked.url.as_deref()?)));
    let Some((locked, url)) = locked else {
        let resolved = Resolved::newest(download, options)?;
        let verified = get(&resolved, options)?;
        let record = resolved.record(recipe, &verified);
        return Ok((verified, record));
    };
    if let DigestSource::Signed(list) = &download.digest_source {
        signed::report_age(list, options);
    }
    let resolved = Resolved::locked(locked, url);
    let verified = get(&resolved, options).map_err(|error| vanished(error, url))?;
    let record = resolved.record(recipe, &verified);
    Ok((verified, record))
}

/// Explains the failure to download a locked image that its publishers have removed.
fn vanished(error: anyhow::Error, url: &str) -> anyhow::Error {
    if !failure::is_gone(&error) {
        return error;
    }
    error.context(Kind::Storage.context(
        format!("the locked base is no longer published at {url}"),
        "run `etcd-image update base`, or use a cache that still has it with `--cache`",
    ))
}

/// Returns the image, which is exactly the resolved one.
fn get(resolved: &Resolved, options: &Options<'_>) -> Result<Verified> {
    let Resolved {
        url,
        sha256,
        expected,
        ..
    } = resolved;
    let entry = Cache::open(options.cache)?.entry(sha256, options.progress)?;
    if let Some(verified) = image::cached(&entry, url, expected, options)? {
        return Ok(verified);
    }
    let urls = std::slice::from_ref(url);
    let download = || download::download(&entry, urls, &expected.packed, options);
    let (packed, image) = image::unpacked_meanwhile(&entry, expected, options, download)?;
    let verified = match image {
        Some(image) => image::named(&entry, image, url, expected),
        None => image::unpacked(&entry, &packed, url, expected, options),
    };
    // The download is kept only after a storage error, for the next attempt; wrong bytes are never kept.
    if !verified
        .as_ref()
        .is_err_and(|error| is(error, Kind::Storage))
    {
        partial::Partial::remove(&entry)?;
    }
    verified
}
