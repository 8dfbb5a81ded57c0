//! The signature of a build in a store: who signed its digest list, and whether the list is that of its index.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::cli::{Environment, StoreAccess};
use crate::failure::Kind;
use crate::progress::Progress;
use crate::publication;
use crate::report::{self, FLEET, MANIFEST, SIGNATURE, SUMS};
use crate::store::StoredBuild;

/// What a signature is checked against.
pub(super) struct Signature<'a> {
    /// The file that names who may sign.
    allowed: &'a Path,
    /// The time to which keys must be valid, in seconds since 1970.
    now: i64,
    access: &'a StoreAccess,
    progress: &'a dyn Progress,
}

impl<'a> Signature<'a> {
    pub(super) fn new(
        allowed: &'a Path,
        environment: &'a Environment,
        progress: &'a dyn Progress,
    ) -> Self {
        Self {
            allowed,
            now: environment.clock,
            access: &environment.stores,
            progress,
        }
    }

    /// Checks the signature of a build and those of its parts. The record of a fleet is not signed, but each of its clusters is.
    pub(super) fn signers(&self, build: &StoredBuild) -> Result<String> {
        let mut signers = BTreeSet::new();
        let is_record = |(name, _): (&str, &str)| name == FLEET;
        if build.parts().next().is_none() || !build.files().all(is_record) {
            signers.insert(self.check(build, "")?);
        }
        for (part, address) in build.parts() {
            let build = build.beside(&address, self.access)?;
            signers.insert(self.check(&build, &format!("{part}/"))?);
        }
        Ok(signers.into_iter().collect::<Vec<_>>().join(", "))
    }

    /// Gets the manifest, the digest list and its signature, with a text before their names, and returns who signed. The list must
    /// have the digests of the manifest and those of the index.
    pub(super) fn check(&self, build: &StoredBuild, prefix: &str) -> Result<String> {
        for wanted in [SUMS, SIGNATURE] {
            if !build.files().any(|(name, _)| name == wanted) {
                return Err(Kind::Verification.error(
                    format!("the build in {} is not signed: it has no {wanted}", build.address()),
                    "build into the store again with `--sign KEY`, or leave `--allowed-signers` out",
                ));
            }
        }
        build.get_files(prefix, &[MANIFEST, SUMS, SIGNATURE], self.progress)?;
        let folder = build.folder().join(prefix);
        let check = || -> Result<String> {
            let (signer, _) = publication::signed_manifests(&folder, self.allowed, self.now)?;
            report::must_be_listed(&folder, build.files())?;
            Ok(signer)
        };
        check().with_context(|| format!("checking the signature of {}", build.address()))
    }
}
