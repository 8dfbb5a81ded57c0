//! Downloads a file from one of several mirrors into a cache entry and checks its digest.

use std::path::PathBuf;

use anyhow::{Result, ensure};

use super::cache::Entry;
use super::http::Http;
use super::partial::Partial;
use super::verified::Pin;
use super::{Options, is};
use crate::failure::{Failure, Kind};

/// Returns the first mirror's file that arrives complete and has the pinned digest.
pub(super) fn download(
    entry: &Entry,
    urls: &[String],
    pin: &Pin,
    options: &Options<'_>,
) -> Result<PathBuf> {
    if options.offline {
        return Err(offline(urls.first().map_or("the file", String::as_str)));
    }
    let http = Http::new(options.policy, options.progress)?;
    first(urls, options, |url| match once(&http, entry, url, pin)? {
        Arrival::Whole(path) => Ok(path),
        // The parts may come from different files: the server may wrongly have called its file unchanged, so start once more.
        Arrival::Pieced(wrong) => {
            options.progress.note(&format!(
                "{wrong:#}; it came in pieces, so it is fetched once more"
            ));
            match once(&http, entry, url, pin)? {
                Arrival::Whole(path) => Ok(path),
                Arrival::Pieced(wrong) => Err(wrong),
            }
        }
    })
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

/// The outcome of a download.
enum Arrival {
    /// The file has the right digest.
    Whole(PathBuf),
    /// The digest is wrong, and the file was assembled from several responses.
    Pieced(anyhow::Error),
}

fn once(http: &Http<'_>, entry: &Entry, url: &str, pin: &Pin) -> Result<Arrival> {
    let mut partial = entry.partial(url)?;
    http.download(url, &mut partial, pin.size)?;
    let pieced = partial.pieced();
    let (path, seen) = partial.finish();
    match pin.check(url, &seen) {
        Ok(()) => Ok(Arrival::Whole(path)),
        Err(wrong) => {
            Partial::remove(entry)?;
            if pieced {
                Ok(Arrival::Pieced(wrong))
            } else {
                Err(wrong)
            }
        }
    }
}

/// Creates the error for a file that needs the network in an offline build.
pub(super) fn offline(thing: &str) -> anyhow::Error {
    Failure::new(
        Kind::Storage,
        format!("{thing} is not in the cache, and --offline is given"),
        "run `etcd-image fetch` once while online, with the same `--cache`",
    )
}
