//! Reads the digest of an image from a list that its publishers signed, for images whose recipe pins no digest.
//!
//! ```text
//! SHA256SUMS + signature ─▶ the pinned key signed these bytes ─▶ the line of the image ─▶ its digest
//! ```
//! List and signature are kept in the cache and checked on each use. They are downloaded again if the image they vouch for is
//! not in the cache.

mod signature;

#[cfg(test)]
mod tests;

use anyhow::Result;

use super::cache::{Cache, CacheEntry};
use super::download;
use super::http::Http;
use super::image;
use super::sums::{listed_digest, newest_name};
use super::{Options, age};
use crate::failure::Kind;
use crate::hex;
use crate::recipe::SignedList;

/// The largest size of either file: a list has some hundred lines, a signature some twenty.
const LIMIT: u64 = 1 << 20;

/// The extensions in the cache.
const LIST: &str = "sums";
const SIGNATURE: &str = "sums.asc";

/// An image that the publishers' signed list names.
pub(super) struct ListedImage {
    /// The address of the image.
    pub(super) url: String,
    /// Its SHA-256.
    pub(super) sha256: String,
    /// The fingerprint of the key that signed the list.
    pub(super) signed_by: String,
    /// When it signed, in seconds since 1970.
    pub(super) signed_at: i64,
}

/// Reports a list in the cache that is old.
pub(super) fn report_age(signed: &SignedList, options: &Options<'_>) {
    let list = options.cache.join(format!("{}.{LIST}", key(signed)));
    age::report(&format!("the list {}", signed.list), &list, options);
}

/// Returns the key of a list in the cache.
pub(super) fn key(signed: &SignedList) -> String {
    hex::sha256(&signed.list)
}

/// Returns the image at `url`, which may contain a `*` for the newest point release, from the signed list of its publishers.
pub(super) fn resolve(
    url: &str,
    signed: &SignedList,
    options: &Options<'_>,
) -> Result<ListedImage> {
    let cache = Cache::open(options.cache)?;
    let entry = cache.entry(&key(signed), options.progress)?;
    let kept = cached_texts(&entry).map(|texts| texts.listed_image(url, signed, options.clock));
    let has_image = match &kept {
        Some(Ok(listed)) => image::is_cached(options.cache, &listed.sha256)?,
        _ => false,
    };
    match kept {
        Some(Ok(listed)) if options.offline || !options.refresh && has_image => {
            report_age(signed, options);
            return Ok(listed);
        }
        Some(Err(error)) if options.offline => {
            return Err(error.context("using the cached list, as --offline asks"));
        }
        None if options.offline => {
            return Err(download::offline(&signed.list));
        }
        _ => {}
    }
    let texts = download_texts(signed, options)?;
    let listed = texts.listed_image(url, signed, options.clock)?;
    entry.write(LIST, &texts.list)?;
    entry.write(SIGNATURE, &texts.signature)?;
    Ok(listed)
}

/// A list and its signature, as downloaded.
struct Texts {
    list: String,
    signature: String,
}

impl Texts {
    /// Returns the image at that address if the signer signed the list.
    fn listed_image(&self, url: &str, signed: &SignedList, clock: i64) -> Result<ListedImage> {
        let signed_at = signature::check(signed, &self.signature, &self.list, clock)?;
        let (folder, pattern) = url.rsplit_once('/').unwrap_or(("", url));
        let name = newest_name(&self.list, pattern).unwrap_or(pattern);
        let digest = listed_digest(&self.list, name).ok_or_else(|| unlisted(name, signed))?;
        Ok(ListedImage {
            url: format!("{folder}/{name}"),
            sha256: digest.to_owned(),
            signed_by: signed.signer.fingerprint.clone(),
            signed_at,
        })
    }
}

fn cached_texts(entry: &CacheEntry) -> Option<Texts> {
    // An unreadable file is downloaded again.
    let read = |ending| fs_err::read_to_string(entry.path(ending)).ok();
    Some(Texts {
        list: read(LIST)?,
        signature: read(SIGNATURE)?,
    })
}

fn download_texts(signed: &SignedList, options: &Options<'_>) -> Result<Texts> {
    let http = Http::new(options.policy, options.progress)?;
    let text = |url: &str| {
        http.text_if_there(url, LIMIT)?
            .ok_or_else(|| unpublished(url))
    };
    Ok(Texts {
        list: text(&signed.list)?,
        signature: text(&signed.signature)?,
    })
}

/// Creates the error for a missing image: not every series has every kind of image.
fn unpublished(url: &str) -> anyhow::Error {
    Kind::Unsupported.error(
        format!("{url} does not exist: no such image is published for this series"),
        "choose another base (`etcd-image recipes`), or give an image's path with `--base`",
    )
}

fn unlisted(name: &str, signed: &SignedList) -> anyhow::Error {
    Kind::Verification.error(
        format!("{} has no SHA-256 for {name}", signed.list),
        "a newer release has replaced it: look it up in that list and correct the recipe's `url`",
    )
}
