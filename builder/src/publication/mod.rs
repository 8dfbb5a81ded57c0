//! What accompanies images, so that others can find, write and trust them.
//!
//! | file | purpose | written |
//! |---|---|---|
//! | `NAME.spdx.json` | the bill of materials of an image | always |
//! | `provenance.json` | what the images were made from, and by which version | always |
//! | `etcd-image.rpi-imager-manifest` | the list of images that Raspberry Pi Imager opens | always |
//! | `NAME.bmap` | the used ranges of an image with their digests, for bmaptool | for published images: it takes a second pass |
//! | `SHA256SUMS.sig` | an SSH signature of the digests of all of these files | with a key |
//!
//! A signed fleet also has a `SHA256SUMS` of its own, with the digests of `fleet.json` and of the list of each cluster.

mod agent;
mod allowed_signers;
pub(crate) mod block_map;
mod imager;
mod provenance;
mod publishing;
mod signature;
mod signed_fleets;
mod signing_key;
mod spdx;

use std::path::Path;

use anyhow::Result;

use crate::apply::{OutputFolder, Staged};
use crate::file::if_exists;
use crate::interrupt;
use crate::plan::Plan;
use crate::report::{self, Attachment, FLEET, FleetRecord, InputRecord, Manifest, SIGNATURE, SUMS};

pub(crate) use publishing::Publishing;
pub(crate) use signature::{check, signed_manifests};
pub(crate) use signed_fleets::SignedFleets;
pub(crate) use signing_key::SigningKey;
pub(crate) use spdx::BaseContents;

/// What a build knows of its images.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Published<'a> {
    /// The images.
    pub images: &'a [Staged],
    /// Their plans, in the same order.
    pub plans: &'a [Plan],
    /// The base of all of them.
    pub base: BaseContents<'a>,
    /// The address of the directory of the images.
    pub url: Option<&'a str>,
    /// The SHA-256 of the lock file.
    pub lock_sha256: &'a str,
}

/// Makes the files that accompany the images, and lists them in the manifest.
pub(crate) fn attach(
    manifest: &mut Manifest,
    published: &Published<'_>,
) -> Result<Vec<Attachment>> {
    let mut attachments = Vec::new();
    let build = provenance::build(manifest, published.lock_sha256);
    for node in &mut manifest.nodes {
        if published.images.iter().any(|image| image.node == node.name) {
            node.build = Some(build.clone());
        }
    }
    let images = published.images.iter().zip(published.plans);
    for (image, plan) in images {
        let mut own = Vec::new();
        if !image.map.is_empty() {
            own.push(Attachment {
                name: block_map::file_name(&image.node),
                bytes: block_map::xml(image.size, &image.map).into_bytes(),
            });
        }
        if let Some(node) = manifest.nodes.iter().find(|node| node.name == image.node) {
            own.push(Attachment {
                name: spdx::file_name(&image.node),
                bytes: spdx::document(node, plan, published.base)?,
            });
        }
        for attachment in &own {
            manifest.attach_to(&image.node, attachment);
        }
        attachments.extend(own);
    }
    attachments.extend(attach_common(
        manifest,
        published.url,
        Some(published.lock_sha256),
    )?);
    Ok(attachments)
}

/// Makes the files that accompany all images together, and lists them in the manifest.
pub(crate) fn attach_common(
    manifest: &mut Manifest,
    url: Option<&str>,
    lock_sha256: Option<&str>,
) -> Result<Vec<Attachment>> {
    let mut attachments = Vec::new();
    let common = [
        (imager::FILE_NAME, imager::list(manifest, url)?),
        (
            provenance::FILE_NAME,
            provenance::statement(manifest, lock_sha256)?,
        ),
    ];
    for (name, bytes) in common {
        let name = name.to_owned();
        let attachment = Attachment { name, bytes };
        manifest.attach(&attachment);
        attachments.push(attachment);
    }
    Ok(attachments)
}

/// Returns whether what an earlier manifest of a directory lists may be in the list of a new build. If a key signs that, the same key must
/// have signed the earlier list: a manifest can be written to fit any image.
pub(crate) fn may_keep(
    folder: &Path,
    manifest: &Manifest,
    key: Option<&SigningKey>,
) -> Result<bool> {
    key.map_or(Ok(true), |key| is_signed(folder, manifest, key))
}

/// Returns whether a directory has the signature of this key of the digest list that belongs to a manifest.
fn is_signed(folder: &Path, manifest: &Manifest, key: &SigningKey) -> Result<bool> {
    let signature = if_exists(fs_err::read(folder.join(SIGNATURE)))?;
    let sums = manifest.sums()?;
    Ok(signature.is_some_and(|signature| key.has_signed(&signature, sums.as_bytes())))
}

/// Returns a note if a directory is signed, and a build without a key is about to remove the signature.
pub(crate) fn lost_signature(folder: &Path, key: Option<&SigningKey>) -> Result<Option<String>> {
    let signature = folder.join(SIGNATURE);
    if key.is_some() || !fs_err::exists(&signature)? {
        return Ok(None);
    }
    Ok(Some(format!(
        "note: {} was removed, because this build has no key: build with `--sign KEY` to sign the images again",
        signature.display()
    )))
}

/// Returns the digest list of a directory if it has the signature of this key.
pub(crate) fn signed_list(folder: &Path, key: &SigningKey) -> Result<Option<String>> {
    let signature = if_exists(fs_err::read(folder.join(SIGNATURE)))?;
    let list = if_exists(fs_err::read(folder.join(SUMS)))?;
    let list = list.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(list
        .filter(|it| signature.is_some_and(|signature| key.has_signed(&signature, it.as_bytes()))))
}

/// Signs a digest list of the record of a fleet and of the lists of its clusters, all of which must be written.
pub(crate) fn sign_fleet(out: &OutputFolder, record: &FleetRecord, key: &SigningKey) -> Result<()> {
    sign_list(out, &record.sums(out.path())?, key)
}

/// Signs a fleet of which only some clusters were `built` if everything else is as in the `old` list, which the key had signed: whoever can
/// write to the directory can put an earlier signed build in the place of another cluster. Returns why it does not sign.
pub(crate) fn renew_fleet(
    out: &OutputFolder,
    record: &FleetRecord,
    built: &[&str],
    old: Option<&str>,
    key: &SigningKey,
) -> Result<Option<String>> {
    let list = record.sums(out.path())?;
    let is_same = FleetRecord::read(out.path())?.as_ref() == Some(record);
    let objection = match old {
        _ if !is_same => Some(format!("{FLEET} is missing or that of another description")),
        None => Some(format!("before, {SUMS} had no signature by this key")),
        Some(old) => record
            .first_change(old, &list, built)
            .map(|name| format!("{name} is not the one that was signed before")),
    };
    if objection.is_none() {
        sign_list(out, &list, key)?;
    }
    Ok(objection)
}

fn sign_list(out: &OutputFolder, list: &str, key: &SigningKey) -> Result<()> {
    let signature = key.sign(list.as_bytes())?;
    let _step = interrupt::uninterrupted();
    report::write_fleet_list(out, list, &signature)
}

/// Returns the address of the directory of published images, as their list for Imager has it.
pub(crate) fn address(folder: &Path) -> Option<String> {
    imager::address(&fs_err::read_to_string(folder.join(imager::FILE_NAME)).ok()?)
}

/// Returns the address of the directory of published images, and the SHA-256 of their lock file. Reads the files of which the manifest has the
/// digests.
pub(crate) fn listed_origin(folder: &Path, manifest: &Manifest) -> Result<[Option<String>; 2]> {
    let text = |name: &str| -> Result<Option<String>> {
        let record = manifest.attachments.iter().find(|it| it.name == name);
        let bytes = record.map(|record| record.read(folder)).transpose()?;
        Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()))
    };
    let (list, statement) = (text(imager::FILE_NAME)?, text(provenance::FILE_NAME)?);
    Ok([
        list.and_then(|text| imager::address(&text)),
        statement.and_then(|text| provenance::lock_sha256(&text)),
    ])
}

/// Returns the address that an input came from; `None` for a path on the machine that built the images, which is not
/// published.
fn address_of(input: &InputRecord) -> Option<&str> {
    let is_address = input.source.starts_with("https://") || input.source.starts_with("http://");
    is_address.then_some(input.source.as_str())
}
