//! What exactly a published base is: its address, and every digest that is known before anything is downloaded.

use anyhow::Result;

use super::Options;
use super::signed::{self, ListedImage};
use super::verified::{ExpectedDigests, Pin, Verified};
use crate::date;
use crate::lock::LockedBase;
use crate::recipe::{DigestSource, Download};

/// A published base, resolved but not fetched yet.
#[derive(Debug)]
pub(super) struct Resolved {
    /// The address of the image.
    pub(super) url: String,
    /// The SHA-256 of the compressed image.
    pub(super) sha256: String,
    /// Everything known about the image.
    pub(super) expected: ExpectedDigests,
    /// The fingerprint of the signer of its digest, and when it signed.
    signature: Option<(String, String)>,
}

impl Resolved {
    /// Resolves what the recipe names now; for a signed list, this may need the network.
    pub(super) fn newest(download: &Download, options: &Options<'_>) -> Result<Self> {
        let (url, sha256, signature) = match &download.digest_source {
            DigestSource::Sha256(sha256) => (download.url.clone(), sha256.clone(), None),
            DigestSource::Signed(list) => {
                let ListedImage {
                    url,
                    sha256,
                    signed_by,
                    signed_at,
                } = signed::resolve(&download.url, list, options)?;
                (url, sha256, Some((signed_by, date::time(signed_at))))
            }
        };
        Ok(Self {
            expected: ExpectedDigests {
                packed: Pin {
                    sha256: Some(sha256.clone()),
                    size: download.size,
                },
                raw: Pin {
                    sha256: download.raw_sha256.clone(),
                    size: download.raw_size,
                },
            },
            url,
            sha256,
            signature,
        })
    }

    /// Takes everything from the lock.
    pub(super) fn locked(locked: &LockedBase, url: &str) -> Self {
        let sha256 = locked.sha256.as_ref().unwrap_or(&locked.raw_sha256);
        Self {
            url: url.to_owned(),
            sha256: sha256.clone(),
            expected: ExpectedDigests {
                packed: Pin {
                    sha256: Some(sha256.clone()),
                    size: locked.size,
                },
                raw: Pin {
                    sha256: Some(locked.raw_sha256.clone()),
                    size: Some(locked.raw_size),
                },
            },
            signature: locked.signed_by.clone().zip(locked.signed_at.clone()),
        }
    }

    /// Returns the record of the image that was fetched.
    pub(super) fn record(self, recipe: &str, verified: &Verified) -> LockedBase {
        let (signed_by, signed_at) = self.signature.unzip();
        LockedBase {
            recipe: Some(recipe.to_owned()),
            url: Some(self.url),
            signed_by,
            signed_at,
            ..verified.record()
        }
    }
}
