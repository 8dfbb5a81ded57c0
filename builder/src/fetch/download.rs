//! A file from one of several mirrors into a cache entry, its digest checked.

use std::path::PathBuf;

use anyhow::Result;

use super::cache::Entry;
use super::http::Http;
use super::partial::Partial;
use super::verified::Pin;
use super::{Options, is};
use crate::failure::{Failure, Kind};

/// The first mirror's file that arrives whole and has the pinned digest.
pub(super) fn download(
    entry: &Entry,
    urls: &[String],
    pin: &Pin,
    options: &Options<'_>,
) -> Result<PathBuf> {
    if options.offline {
        return Err(offline(urls));
    }
    let http = Http::new(options.policy, options.progress)?;
    first(urls, options, |url| match once(&http, entry, url, pin)? {
        Arrival::Whole(path) => Ok(path),
        // The halves may be of different files: the server's word for "unchanged" is not worth a failed build.
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

/// The first success; with none, the first failure, a wrong digest before an absent file. The others are told.
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
    if failures.is_empty() {
        Err(offline(urls))
    } else {
        Err(failures.swap_remove(gravest))
    }
}

/// What came of a download.
enum Arrival {
    /// The right bytes.
    Whole(PathBuf),
    /// Wrong bytes, but put together from several answers.
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

/// Nothing is asked of the network, and it would be needed.
pub(super) fn offline(urls: &[String]) -> anyhow::Error {
    let what = format!(
        "{} is not in the cache, and --offline is given",
        urls.first().map_or("it", String::as_str)
    );
    Failure::new(
        Kind::Storage,
        what,
        "run `etcd-image fetch` once while online, with the same `--cache`",
    )
}
