//! Downloads a file from one of several mirrors into a cache entry and checks its digest.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::cache::CacheEntry;
use super::http::Http;
use super::partial::Partial;
use super::verified::Pin;
use super::{Options, is, shared};
use crate::failure::Kind;

/// Returns the file from the shared cache, or the first mirror's file that arrives complete and has the pinned digest.
pub(super) fn download(
    entry: &CacheEntry,
    urls: &[String],
    pin: &Pin,
    options: &Options<'_>,
) -> Result<PathBuf> {
    if options.offline {
        return Err(offline(urls.first().map_or("the file", String::as_str)));
    }
    let from_mirrors = || {
        let http = Http::new(options.policy, options.progress)?;
        first(urls, options, |url| whole(&http, entry, url, pin, options))
    };
    match (options.shared, &pin.sha256) {
        (Some(shared), Some(sha256)) => {
            if let Some(path) = shared::take(shared, sha256, entry, pin, options)? {
                return Ok(path);
            }
            let path = from_mirrors()?;
            shared::give(shared, sha256, &path, entry, options);
            Ok(path)
        }
        _ => from_mirrors(),
    }
}

/// Downloads the file at `url`. If it was assembled from several responses and has another digest, the parts may come from
/// different files: the server may wrongly have called its file unchanged. It is then downloaded once more.
fn whole(
    http: &Http<'_>,
    entry: &CacheEntry,
    url: &str,
    pin: &Pin,
    options: &Options<'_>,
) -> Result<PathBuf> {
    let mut again = true;
    loop {
        let mut partial = Partial::open(entry, url)?;
        http.download(url, &mut partial, pin.size)?;
        let pieced = partial.pieced();
        let (path, seen) = partial.finish();
        let Err(wrong) = pin.check(url, &seen) else {
            return Ok(path);
        };
        Partial::remove(entry)?;
        if !(pieced && again) {
            return Err(wrong);
        }
        again = false;
        let note =
            format!("{wrong:#}; it was downloaded in several parts and is downloaded once more");
        options.progress.note(&note);
    }
}

/// Returns the first success. If every address fails, returns a wrong digest in preference to an absent file, and
/// reports the other failures.
pub(super) fn first<T>(
    urls: &[String],
    options: &Options<'_>,
    mut get: impl FnMut(&str) -> Result<T>,
) -> Result<T> {
    let mut failures = Vec::new();
    for url in urls {
        match get(url) {
            Ok(value) => return Ok(value),
            Err(error) if urls.len() > 1 => {
                options.progress.note(&format!("{error:#}"));
                failures.push(error);
            }
            Err(error) => return Err(error),
        }
    }
    let gravest = failures
        .iter()
        .position(|error| is(error, Kind::Verification))
        .unwrap_or(0);
    ensure!(!failures.is_empty(), "no address to download from");
    Err(failures.swap_remove(gravest))
}

/// Creates the error for a file that needs the network in an offline build.
pub(super) fn offline(thing: &str) -> anyhow::Error {
    Kind::Storage.error(
        format!("{thing} is not in the cache, and `--offline` prevents a download"),
        "run `etcd-image fetch` once while online, with the same `--config`, `--base`, `--etcd` and `--cache`",
    )
}
