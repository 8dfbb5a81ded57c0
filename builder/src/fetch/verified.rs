//! The result of `fetch` for a base: an image whose digest was checked.

use std::path::{Path, PathBuf};

use anyhow::Result;
use fs_err::File;

use crate::digest::Digested;
use crate::failure::Kind;
use crate::lock::LockedBase;

/// A raw image that was read to its end and is what was promised.
///
/// **Invariant**: only `Verified::new` creates one, after comparing the digests read with those promised. The former come from
/// a reader that drains its source, or from a record of that reading for a file unchanged since.
#[derive(Debug)]
pub struct Verified {
    path: PathBuf,
    /// Opened while the verified file could not be replaced.
    file: std::fs::File,
    source: String,
    seen: SourceDigests,
}

impl Verified {
    pub(super) fn new(
        path: PathBuf,
        source: String,
        expected: &ExpectedDigests,
        seen: SourceDigests,
    ) -> Result<Self> {
        expected.check(&source, &seen)?;
        let file = File::open(&path)?.into_file();
        Ok(Self {
            path,
            file,
            source,
            seen,
        })
    }

    /// Returns the raw image, open for reading.
    pub fn file(&self) -> &std::fs::File {
        &self.file
    }

    /// Returns the path of the raw image. Read [`file`](Self::file) instead: the path may lead to another image by now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the SHA-256 of the raw image, in lower-case hexadecimal.
    pub fn raw_sha256(&self) -> &str {
        &self.seen.raw.sha256
    }

    /// Returns the size of the raw image in bytes.
    pub fn size(&self) -> u64 {
        self.seen.raw.size
    }

    /// Returns the digests for the lock file; those of the source only if it is compressed.
    pub(super) fn record(&self) -> LockedBase {
        let SourceDigests { packed, raw } = self.seen.clone();
        let packed = Some(packed).filter(|packed| *packed != raw);
        LockedBase {
            size: packed.as_ref().map(|packed| packed.size),
            sha256: packed.map(|packed| packed.sha256),
            raw_sha256: raw.sha256,
            raw_size: raw.size,
            ..LockedBase::default()
        }
    }

    /// Returns the origin of the image for reports: an address, a path or how it was made.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// The digests that were read: of the source as it came, and of the image in it. Both are equal for an unpacked source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SourceDigests {
    pub(super) packed: Digested,
    pub(super) raw: Digested,
}

impl SourceDigests {
    /// Returns the digests of a source that is not packed.
    pub(super) fn unpacked(raw: Digested) -> Self {
        let packed = raw.clone();
        Self { packed, raw }
    }
}

/// The expected digests and sizes of the source and the image in it.
#[derive(Clone, Debug, Default)]
pub(super) struct ExpectedDigests {
    pub(super) packed: Pin,
    pub(super) raw: Pin,
}

impl ExpectedDigests {
    pub(super) fn check(&self, source: &str, seen: &SourceDigests) -> Result<()> {
        self.packed.check(source, &seen.packed)?;
        self.raw
            .check(&format!("the image unpacked from {source}"), &seen.raw)
    }
}

/// A digest and a size known in advance, each only if published.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pin {
    pub(super) sha256: Option<String>,
    pub(super) size: Option<u64>,
}

impl Pin {
    pub(super) fn sha256(digest: &str) -> Self {
        Self {
            sha256: Some(digest.to_owned()),
            size: None,
        }
    }

    /// Checks the size first, because it says more about the cause of a mismatch.
    pub(super) fn check(&self, thing: &str, seen: &Digested) -> Result<()> {
        let (what, expected, got) = match self {
            Self {
                size: Some(size), ..
            } if *size != seen.size => ("size", size.to_string(), seen.size.to_string()),
            Self {
                sha256: Some(sha256),
                ..
            } if *sha256 != seen.sha256 => ("SHA-256", sha256.clone(), seen.sha256.clone()),
            _ => return Ok(()),
        };
        Err(Kind::Verification.error(format!("wrong {what} of {thing}: expected {expected}, got {got}"),
            "do not use it; fetch it again, over another network or mirror, and compare with what its makers publish",
        ))
    }
}

impl From<Digested> for Pin {
    fn from(digested: Digested) -> Self {
        Self {
            sha256: Some(digested.sha256),
            size: Some(digested.size),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(digit: &str) -> SourceDigests {
        let digested = |size| Digested {
            sha256: digit.repeat(64),
            size,
        };
        SourceDigests {
            packed: digested(1),
            raw: digested(2),
        }
    }

    #[track_caller]
    fn verdict(expected: &ExpectedDigests) -> Result<Verified, String> {
        let verified = Verified::new(file!().into(), "a".into(), expected, seen("a"));
        verified.map_err(|error| error.to_string())
    }

    #[test]
    fn accepts_what_was_promised() {
        let pin = |size| Pin {
            sha256: Some("a".repeat(64)),
            size: Some(size),
        };
        assert!(
            verdict(&ExpectedDigests {
                packed: pin(1),
                raw: pin(2)
            })
            .is_ok()
        );
    }

    #[test]
    fn each_promise_is_checked() {
        let of_digest = Pin::sha256("b");
        let of_size = Pin {
            sha256: None,
            size: Some(3),
        };
        let packed = |pin: &Pin| {
            verdict(&ExpectedDigests {
                packed: pin.clone(),
                ..ExpectedDigests::default()
            })
            .unwrap_err()
        };
        let raw = |pin: &Pin| {
            verdict(&ExpectedDigests {
                raw: pin.clone(),
                ..ExpectedDigests::default()
            })
            .unwrap_err()
        };
        let a = "a".repeat(64);
        assert_eq!(
            packed(&of_digest),
            format!("wrong SHA-256 of a: expected b, got {a}")
        );
        assert_eq!(packed(&of_size), "wrong size of a: expected 3, got 1");
        assert_eq!(
            raw(&of_digest),
            format!("wrong SHA-256 of the image unpacked from a: expected b, got {a}")
        );
        assert_eq!(
            raw(&of_size),
            "wrong size of the image unpacked from a: expected 3, got 2"
        );
    }
}
