//! Stores that several machines share: they keep finished images for machines that flash them, downloads for machines that build, and
//! snapshots of clusters.
//!
//! ```text
//! build ─▶ staging directory ─▶ encrypted files ─▶ blobs, each read back ─▶ index, last
//! ```
//! A blob has the SHA-256 of its bytes as its name, so that many writers never disturb each other. The index lists the blobs of one
//! build; a reader that sees the index sees every blob that it names. Only `s3` and `oci` open connections. Only `staging` writes files.

mod address;
mod backend;
mod blob;
mod busy;
mod check;
mod content;
mod delivery;
mod encryption;
mod incoming;
mod index;
mod oci;
mod open;
mod s3;
mod shared_cache;
mod snapshots;
mod staging;

pub(crate) use address::Address;
pub(crate) use check::{check, check_opened};
pub(crate) use content::Content;
pub(crate) use delivery::{Delivered, Delivery, Names};
pub(crate) use incoming::{OpenedIndex, StoredBuild};
pub use shared_cache::SharedCache;
pub(crate) use snapshots::{SnapshotBucket, SnapshotWriter, is_sealed, snapshot, unsealed};
pub(crate) use staging::{leftovers, remove_leftover};

use anyhow::Result;

use crate::cli::BuildOptions;
use crate::failure::Kind;
use encryption::Recipients;

/// Where a build sends its images, and who can read them there.
#[derive(Debug)]
pub(crate) struct Destination {
    address: Address,
    /// Who can decrypt the files; `None` if the user allowed plain ones.
    recipients: Option<Recipients>,
}

impl Destination {
    /// Returns the store that the options name, or `None` if they name a directory.
    pub(crate) fn of(work: &BuildOptions) -> Result<Option<Self>> {
        let output = &work.output;
        let address = Address::of(&output.out, "--out")?;
        let is_protected = !output.encrypt_to.is_empty();
        match address {
            None if is_protected || output.allow_plain_secrets => Err(Kind::Usage.error(
                format!(
                    "`{}` has no effect: the images go to a directory",
                    match is_protected {
                        true => "--encrypt-to",
                        false => "--allow-plain-secrets",
                    }
                ),
                "name a store, as in `--out s3://bucket/prefix` or `--out oci://registry/repository`, or leave the option out",
            )),
            None => Ok(None),
            Some(address) if !work.nodes.only.is_empty() => Err(Kind::Usage.error(
                format!("--only: the index of {address} would list these nodes only"),
                "build all nodes: files that the store has are not sent again",
            )),
            Some(address) if address.digest().is_some() => Err(Kind::Usage.error(
                format!("--out: {address}: the digest of a build is known only when it is done"),
                "name a tag in place of the digest, as in `oci://registry/repository:tag`",
            )),
            Some(address) if !is_protected && !output.allow_plain_secrets => {
                Err(Kind::Usage.error(
                    format!("refusing to send images to {address}: they contain private keys"),
                    "encrypt them with `--encrypt-to RECIPIENT` (`age-keygen` makes one), or add `--allow-plain-secrets`",
                ))
            }
            Some(address) => {
                let recipients = is_protected.then(|| Recipients::parse(&output.encrypt_to));
                let recipients = recipients.transpose()?;
                Ok(Some(Self {
                    address,
                    recipients,
                }))
            }
        }
    }

    /// Returns the address.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Returns whether the files are encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.recipients.is_some()
    }
}
