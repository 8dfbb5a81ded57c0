//! Digests without a pin, read from a list that its publishers signed.
//!
//! ```text
//! SHA256SUMS + signature ─▶ the pinned key signed these bytes ─▶ the line of the image ─▶ its digest
//! ```
//! List and signature are kept in the cache and checked on each use. They are downloaded again if the image they vouch for is
//! not in the cache.

mod signature;

#[cfg(test)]
mod tests;

use std::path::Path;

use anyhow::Result;
use sha2::{Digest as _, Sha256};

use self::signature::Doubt;
use super::cache::{Cache, CacheEntry};
use super::download;
use super::http::Http;
use super::image;
use super::sums::{listed_digest, newest_name};
use super::{Options, age};
use crate::date::date;
use crate::failure::Kind;
use crate::hex;
use crate::recipe::{SignedList, Signer};

/// The largest size of either file: a list has some hundred lines, a signature some twenty.
const LIMIT: u64 = 1 << 20;

/// The extensions in the cache.
const LIST: &str = "sums";
const SIGNATURE: &str = "sums.asc";

/// An image that the publishers' signed list names.
pub(super) struct Listed {
    /// The address of the image.
    pub(super) url: String,
    /// Its SHA-256.
    pub(super) sha256: String,
}

/// Returns the image at `url`, which may contain a `*` for the newest point release, from the signed list of its publishers.
pub(super) fn resolve(url: &str, signed: &SignedList, options: &Options<'_>) -> Result<Listed> {
    let cache = Cache::open(options.cache)?;
    let key = hex::encode(&Sha256::digest(&signed.list));
    let entry = cache.entry(&key, options.progress)?;
    let kept = kept(&entry).map(|texts| texts.vouched(url, signed, options.clock));
    match kept {
        Some(Ok(listed)) if options.offline || image::is_cached(options.cache, &listed.sha256) => {
            age::report(
                &format!("the list {}", signed.list),
                &entry.path(LIST),
                options,
            );
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
    let texts = ask(signed, options)?;
    let listed = texts.vouched(url, signed, options.clock)?;
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
    fn vouched(&self, url: &str, signed: &SignedList, clock: i64) -> Result<Listed> {
        signature::check(&signed.signer, &self.signature, self.list.as_bytes(), clock)
            .map_err(|doubt| doubtful(&doubt, signed))?;
        let (folder, pattern) = url.rsplit_once('/').unwrap_or(("", url));
        let name = newest_name(&self.list, pattern).unwrap_or(pattern);
        let digest = listed_digest(&self.list, name).ok_or_else(|| unlisted(name, signed))?;
        Ok(Listed {
            url: format!("{folder}/{name}"),
            sha256: digest.to_owned(),
        })
    }
}

fn kept(entry: &CacheEntry) -> Option<Texts> {
    let read = |ending| read(&entry.path(ending));
    Some(Texts {
        list: read(LIST)?,
        signature: read(SIGNATURE)?,
    })
}

/// Reads a cached file; an unreadable one is downloaded again.
fn read(path: &Path) -> Option<String> {
    fs_err::read_to_string(path).ok()
}

fn ask(signed: &SignedList, options: &Options<'_>) -> Result<Texts> {
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
        format!("{url} is not there: such an image is not published for this series (any more)"),
        "choose another base (`etcd-image recipes`), or give an image's path with `--base`",
    )
}

fn unlisted(name: &str, signed: &SignedList) -> anyhow::Error {
    Kind::Verification.error(
        format!("{} has no SHA-256 for {name}", signed.list),
        "a newer release has taken its place: look into that list and correct the recipe's `url`",
    )
}

fn doubtful(doubt: &Doubt, signed: &SignedList) -> anyhow::Error {
    let (list, signature) = (&signed.list, &signed.signature);
    let Signer {
        name, fingerprint, ..
    } = &signed.signer;
    let key = format!("the key {name} ({fingerprint})");
    let (what, hint) = match doubt {
        Doubt::NoKey => (format!("{name}.asc holds no OpenPGP public key"), OWN_KEY),
        Doubt::OtherKey(found) => (
            format!("{name}.asc holds the key {found}, the recipe names {fingerprint}"),
            OWN_KEY,
        ),
        Doubt::WeakKey(kind) => (format!("{key} is {kind}, which can be forged"), NEW_KEY),
        Doubt::Revoked => (format!("{key} was withdrawn by its owner"), NEW_KEY),
        Doubt::KeyEnded(end) => (format!("{key} ended on {}", date(*end)), NEW_KEY),
        Doubt::NoSignature => (format!("{signature} is no OpenPGP signature"), AGAIN),
        Doubt::Foreign(ids) => (format!("{signature} is by {ids}, not by {key}"), AGAIN),
        Doubt::WeakHash(hash) => (
            format!("{signature} rests on {hash}, which can be forged"),
            AGAIN,
        ),
        Doubt::Ended(end) => (format!("{signature} ended on {}", date(*end)), AGAIN),
        Doubt::Wrong => (
            format!("{signature} is not a signature of {list} by {key}"),
            AGAIN,
        ),
    };
    Kind::Verification.error(what, hint)
}

const AGAIN: &str =
    "do not use it; fetch it again, over another network, and compare with what its makers publish";
const NEW_KEY: &str =
    "a newer recipe may know the makers' new key; until then give a checked image with `--base`";
const OWN_KEY: &str =
    "correct `[download.signed]` of the recipe, or the key's file beside the recipes";
