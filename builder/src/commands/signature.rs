//! The signature of a build in a store: who signed its digest list, and whether the list is that of its index.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::cli::{Environment, StoreAccess};
use crate::failure::Kind;
use crate::progress::Progress;
use crate::publication;
use crate::report::{self, FLEET, MANIFEST, SIGNATURE, SUMS};
use crate::store::{OpenedIndex, StoredBuild};

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

    /// Checks the signature of a build, and of a fleet also those of its clusters, whose digest lists that of the fleet contains. Returns
    /// who signed, and the indexes of what is signed.
    pub(super) fn signers(&self, build: &StoredBuild) -> Result<(String, Vec<OpenedIndex>)> {
        let mut indexes = vec![build.index()];
        let has_record = build.files().any(|(name, _)| name == FLEET);
        if !has_record && build.parts().next().is_none() {
            return Ok((self.check(build, "")?, indexes));
        }
        self.get(build, "", [FLEET, SUMS, SIGNATURE])?;
        let signer = publication::check(build.folder(), self.allowed, self.now);
        let mut signers = BTreeSet::from([signer.with_context(|| checking(build))?]);
        let mut lists = Vec::new();
        for (part, address) in build.parts() {
            let cluster = build.beside(&address, self.access)?;
            signers.insert(self.check(&cluster, &format!("{part}/"))?);
            let list = cluster.files().find(|(name, _)| *name == SUMS);
            lists.extend(list.map(|(_, sha256)| (report::list_of(part), sha256.to_owned())));
            indexes.push(cluster.index());
        }
        let lists = lists.iter().map(|(name, sha256)| (&**name, &**sha256));
        let listed = report::must_be_listed(build.folder(), build.files().chain(lists));
        listed.with_context(|| checking(build))?;
        let signers: Vec<String> = signers.into_iter().collect();
        Ok((signers.join(", "), indexes))
    }

    /// Gets the manifest, the digest list and its signature, with a text before their names, and returns who signed. The list must
    /// have the digests of the manifest and those of the index.
    pub(super) fn check(&self, build: &StoredBuild, prefix: &str) -> Result<String> {
        self.get(build, prefix, [MANIFEST, SUMS, SIGNATURE])?;
        let folder = build.folder().join(prefix);
        let check = || -> Result<String> {
            let (signer, _) = publication::signed_manifests(&folder, self.allowed, self.now)?;
            report::must_be_listed(&folder, build.files())?;
            Ok(signer)
        };
        check().with_context(|| checking(build))
    }

    /// Gets files of a build, which must be signed.
    fn get(&self, build: &StoredBuild, prefix: &str, names: [&str; 3]) -> Result<()> {
        for wanted in [SIGNATURE, SUMS] {
            if !build.files().any(|(name, _)| name == wanted) {
                return Err(Kind::Verification.error(
                    format!("the build in {} is not signed: it has no {wanted}", build.address()),
                    "build into the store again with `--sign KEY`, or leave `--allowed-signers` out",
                ));
            }
        }
        build.get_files(prefix, &names, self.progress)
    }
}

fn checking(build: &StoredBuild) -> String {
    format!("checking the signature of {}", build.address())
}
