//! Looks for the newest patch release of etcd on its mirrors, by the digest lists beside the releases.

use anyhow::Result;

use super::release::{PUBLISHED, SUMS_LIMIT};
use super::version;
use crate::failure::Kind;
use crate::fetch::Options;
use crate::fetch::http::Http;
use crate::fetch::sums::listed_digest;
use crate::recipe::{self, EtcdReleases};

/// The number of patch releases without a digest list after which there is no newer one: a number may have been skipped.
const GAP: u32 = 3;

/// Returns the newest release in the series of `version`, at least `version` itself.
pub fn newest(version: &str, options: &Options<'_>) -> Result<String> {
    let releases = recipe::etcd(options.recipes)?;
    let http = Http::new(options.policy, options.progress)?;
    let is_release = !version.contains('-');
    let patch = version.rsplit_once('.').filter(|_| is_release);
    let patch = patch.and_then(|(_, patch)| patch.parse().ok());
    let (Some((major, minor)), Some(patch)) = (version::series(version), patch) else {
        return Ok(version.to_owned());
    };
    let (mut newest, mut next): (u32, u32) = (patch, patch);
    while next - newest < GAP {
        next += 1;
        if is_published(&http, &releases, &format!("{major}.{minor}.{next}"))? {
            newest = next;
        }
    }
    Ok(format!("{major}.{minor}.{newest}"))
}

/// Returns whether the release is published; refuses one of which two mirrors have different digests.
fn is_published(http: &Http<'_>, releases: &EtcdReleases, version: &str) -> Result<bool> {
    let tarball = releases.tarball(version);
    let mut digests = Vec::new();
    let mut silent = None;
    let mut answers = 0;
    for url in releases.urls(version, "SHA256SUMS") {
        match http.text_if_there(&url, SUMS_LIMIT) {
            Ok(list) => {
                answers += 1;
                digests.extend(
                    list.and_then(|list| listed_digest(&list, &tarball).map(str::to_owned)),
                );
            }
            Err(error) => silent = Some(error),
        }
    }
    digests.dedup();
    match (digests.as_slice(), silent) {
        ([_, _, ..], _) => {
            let what = format!(
                "the mirrors have different digests of etcd {version}: {}",
                digests.join(", ")
            );
            Err(Kind::Verification.error(what, PUBLISHED))
        }
        ([], Some(error)) if answers == 0 => Err(error),
        (digests, _) => Ok(!digests.is_empty()),
    }
}
