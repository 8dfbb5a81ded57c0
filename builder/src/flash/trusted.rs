//! The manifests with which images are compared: those of a directory, or only those that an allowed signer has signed.

use std::path::Path;

use anyhow::Result;

use crate::cli::FlashOptions;
use crate::failure::Kind;
use crate::publication;
use crate::report::{self, Manifest, SUMS};

/// Which manifests are trusted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trusted<'a> {
    /// The file that names who may sign, if a signature is required.
    allowed_signers: Option<&'a Path>,
    /// The time to which keys must be valid, in seconds since 1970.
    now: i64,
}

impl<'a> Trusted<'a> {
    pub(super) fn new(options: &'a FlashOptions, now: i64) -> Self {
        Self {
            allowed_signers: options.allowed_signers.as_deref(),
            now,
        }
    }

    /// Returns the manifests of a directory, and who signed them if a signature is required.
    pub(super) fn manifests(
        self,
        folder: &Path,
        needed: bool,
    ) -> Result<(Option<String>, Vec<Manifest>)> {
        let Some(allowed) = self.allowed_signers else {
            return Ok((None, report::read_manifests(folder, needed)?));
        };
        let (signer, manifests) = publication::signed_manifests(folder, allowed, self.now)?;
        Ok((Some(signer), manifests))
    }

    /// Fails if an image that no manifest lists may not be written.
    pub(super) fn refuse_unlisted(self, image: &Path) -> Result<()> {
        match self.allowed_signers {
            None => Ok(()),
            Some(_) => Err(Kind::Verification.error(
                format!(
                    "{}: the signed {SUMS} does not contain this image; nothing was written",
                    image.display()
                ),
                "name an image of the signed build, or leave `--allowed-signers` out",
            )),
        }
    }
}
