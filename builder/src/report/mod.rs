//! The results of a build: as text for people, as JSON for programs, for `sha256sum -c`, and for the first login.

mod attachment;
mod build_record;
mod cache;
mod certificate_record;
mod checked;
mod client;
mod comparison;
mod credentials;
mod digest_list;
mod etcd_in_images;
mod expiry;
mod fetch_report;
mod file_record;
mod fleet;
mod fleet_list;
mod inspection;
mod kept;
mod listed_names;
mod manifest;
mod metrics;
mod names;
mod node_record;
mod outdated;
mod pki;
mod plans;
mod rebuild;
mod snippets;
mod sources;
mod stored_manifest;
mod text;
mod update;
mod verification;

use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::Result;

use client::ClientFile;

use crate::apply::{OutputFolder, Staged};
use crate::cli::OutputOptions;
use crate::parallel;
use crate::plan::Plan;
use attachment::AttachmentRecord;

pub(crate) use attachment::Attachment;
pub(crate) use build_record::BuildRecord;
pub(crate) use cache::CacheReport;
pub(crate) use checked::DO_NOT_USE;
pub(crate) use client::{access, is_in as has_client, read as read_client};
pub(crate) use etcd_in_images::etcd_in_images;
pub(crate) use expiry::expiring_certificates;
pub(crate) use fetch_report::{FetchReport, FleetFetchReport};
pub(crate) use fleet::{
    ClusterRecord, FleetRecord, FleetSummary, file_names as fleet_file_names,
    withdraw as withdraw_fleet, write as write_fleet,
};
pub(crate) use fleet_list::{
    changed_meanwhile, list_of, refuse_list_of_cluster, withdraw as withdraw_fleet_list,
    write as write_fleet_list,
};
pub(crate) use inspection::inspect;
pub(crate) use manifest::{Manifest, OTHER_KEYS};
pub(crate) use names::file_names;
pub(crate) use node_record::{NodeRecord, OutputRecord};
pub(crate) use outdated::outdated;
pub(crate) use pki::{Imports, PkiStatus, Requests, request_name};
pub(crate) use plans::{FleetPlans, Plans};
pub(crate) use rebuild::Rebuild;
pub(crate) use sources::{InputRecord, Sources};
pub(crate) use stored_manifest::read_manifests;
pub(crate) use text::Summary;
pub(crate) use update::Update;
pub(crate) use verification::{digest, folder_of, listed_manifests, must_be_listed, verify};

/// Name of the record of a fleet in its output directory.
pub(crate) const FLEET: &str = "fleet.json";
/// Name of the manifest in the output directory.
pub(crate) const MANIFEST: &str = "manifest.json";
/// Name of the manifest of a build that has started to rename its images. The file exists only until [`MANIFEST`] is
/// replaced: after an interruption in between, some images match one manifest and some the other.
pub(crate) const PENDING_MANIFEST: &str = "manifest.json.new";
/// Name of the signature of the digest list in the output directory.
pub(crate) const SIGNATURE: &str = "SHA256SUMS.sig";
/// Name of the digest list in the output directory.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// Returns the manifest of this build, including the nodes that an earlier one left in the same directory if its manifest `may_be_kept`.
pub(crate) fn manifest(
    sources: &Sources<'_>,
    plans: &[Plan],
    images: &[Staged],
    out: &OutputFolder,
    may_be_kept: impl Fn(&Manifest) -> Result<bool>,
) -> Result<Manifest> {
    let mut manifest = Manifest::new(sources, plans, images);
    let client = client::files(&sources.nodes)?;
    let record = |(name, bytes, _): &(String, Vec<u8>, u32)| AttachmentRecord::new(name, bytes);
    manifest.client = client.iter().map(record).collect();
    // Unreadable older manifests are ignored: they are about to be replaced.
    for name in [PENDING_MANIFEST, MANIFEST] {
        if let Ok(older) = fs_err::read_to_string(out.path().join(name))
            && let Ok(older) = Manifest::from_json(&older)
            && may_be_kept(&older)?
        {
            let interrupted = fs_err::exists(out.path().join(PENDING_MANIFEST))?;
            manifest.keep(older, sources.nodes.cluster, |output| {
                let path = out.path().join(&output.name);
                match interrupted {
                    true => verification::digest(&path).is_ok_and(|found| found == output.sha256),
                    false => path.is_file(),
                }
            });
        }
    }
    Ok(manifest)
}

/// Returns the manifest of earlier images that are exactly what the plans would give, if all of them are complete. Every file is
/// read: a power failure can leave one with its size and other content.
pub(crate) fn built_before(
    sources: &Sources<'_>,
    plans: &[Plan],
    output: &OutputOptions,
    jobs: NonZeroUsize,
) -> Result<Option<Manifest>> {
    let folder = &output.out;
    if fs_err::exists(folder.join(PENDING_MANIFEST))? {
        return Ok(None);
    }
    let manifest = Manifest::in_directory(folder)?;
    Ok(manifest.filter(|manifest| {
        let mut plans = plans.iter();
        plans.all(|plan| manifest.has_built(sources, plan, output))
            && is_intact(manifest, folder, jobs)
    }))
}

/// Returns whether every file of a directory is the one that the manifest lists.
fn is_intact(manifest: &Manifest, folder: &Path, jobs: NonZeroUsize) -> bool {
    let sums = fs_err::read_to_string(folder.join(SUMS));
    let is_listed = sums.is_ok_and(|found| manifest.sums().is_ok_and(|wanted| found == wanted));
    let client = manifest.client.iter();
    let client = client.map(|it| (it.name.as_str(), it.sha256.as_str()));
    let files: Vec<(&str, &str)> = manifest.digests().chain(client).collect();
    let compare = |(name, wanted): &(&str, &str)| {
        anyhow::ensure!(digest(&folder.join(name))? == *wanted);
        Ok(())
    };
    is_listed && parallel::map(jobs, &files, compare).is_ok()
}

/// Writes the manifest under its pending name and removes the digest list, its signature and outdated attachments, before the images are
/// renamed: no interruption leaves a list of other images.
pub(crate) fn begin_replacement(out: &OutputFolder, manifest: &Manifest) -> Result<()> {
    write_manifest(out, PENDING_MANIFEST, manifest)?;
    out.remove(SIGNATURE)?;
    out.remove(SUMS)?;
    let older = fs_err::read_to_string(out.path().join(MANIFEST)).ok();
    let older = older.and_then(|text| Manifest::from_json(&text).ok());
    for record in older.iter().flat_map(Manifest::attachments) {
        if !manifest.attachments().any(|new| new == record) {
            out.remove(&record.name)?;
        }
    }
    Ok(())
}

/// Writes every file that accompanies the images, the digest list and its signature last.
pub(crate) fn write(
    out: &OutputFolder,
    manifest: &Manifest,
    sources: &Sources<'_>,
    attachments: &[Attachment],
    signature: Option<&str>,
) -> Result<()> {
    write_files(
        out,
        manifest,
        client::files(&sources.nodes)?,
        attachments,
        signature,
    )
}

/// Writes the files of `client/`, attachments, the manifest, the digest list and its signature.
pub(crate) fn write_files(
    out: &OutputFolder,
    manifest: &Manifest,
    client: Vec<ClientFile>,
    attachments: &[Attachment],
    signature: Option<&str>,
) -> Result<()> {
    for (name, bytes, mode) in client {
        out.write(&name, &bytes, mode)?;
    }
    for attachment in attachments {
        out.write(&attachment.name, &attachment.bytes, 0o644)?;
    }
    write_manifest(out, MANIFEST, manifest)?;
    out.write(SUMS, manifest.sums()?.as_bytes(), 0o644)?;
    if let Some(signature) = signature {
        out.write(SIGNATURE, signature.as_bytes(), 0o644)?;
    }
    out.remove(PENDING_MANIFEST)
}

/// Writes the manifest with mode 0600, because it has digests of files that hold passwords: see [`Manifest::shown`].
fn write_manifest(out: &OutputFolder, name: &str, manifest: &Manifest) -> Result<()> {
    out.write(name, manifest.to_json()?.as_bytes(), 0o600)
}
