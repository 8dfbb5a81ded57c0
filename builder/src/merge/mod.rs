//! Joins the shards of a fleet, built on several machines, into one output directory.
//!
//! Everything is checked before the first file is written: every shard is there once, all belong to the same fleet, every node
//! has its image with the digest in its manifest, and the shards of a cluster have the same CA and were made from the same inputs.

mod check;
mod contents;
mod places;
mod shards;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::apply::OutputFolder;
use crate::interrupt;
use crate::progress::Progress;
use crate::publication::{self, SignedFleets, SigningKey};
use crate::report::{self, FleetRecord, Manifest};
use shards::Shards;

pub(crate) use contents::KnownDigests;

/// Where the joined images go, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Joining<'a> {
    /// The output directory.
    pub out: &'a Path,
    /// What allowed signers have signed of the shards, if signatures are required.
    pub signed: Option<&'a SignedFleets>,
    /// The key that signs the digest lists, if they are signed.
    pub signing_key: Option<&'a SigningKey>,
    /// The number of threads that read files.
    pub jobs: NonZeroUsize,
}

/// Joins the shards in `folders` and returns the record of the fleet. The shards stay as they are. Files whose digests are `known`
/// are not read again.
pub(crate) fn merge(
    folders: &[PathBuf],
    known: &KnownDigests,
    joining: Joining<'_>,
    progress: &dyn Progress,
) -> Result<FleetRecord> {
    let Joining {
        out,
        signed,
        signing_key,
        jobs,
    } = joining;
    interrupt::watch();
    let shards = Shards::read(folders, signed)?;
    places::refuse_shards(folders, out, &shards.record)?;
    // Every cluster is joined three times, because keeping the results would take memory for each cluster.
    for cluster in &shards.record.clusters {
        let joined = check::join(&shards, cluster)?;
        places::refuse_images_of_another(&joined.manifest, &out.join(&cluster.name))?;
    }
    for cluster in &shards.record.clusters {
        progress.note(&format!("comparing the files of cluster {}", cluster.name));
        contents::compare(&check::join(&shards, cluster)?, known, jobs)?;
    }
    if signing_key.is_some() {
        report::refuse_list_of_cluster(out)?;
    }
    let folder = OutputFolder::open(out)?;
    report::withdraw_fleet(&folder)?;
    for cluster in &shards.record.clusters {
        let joined = check::join(&shards, cluster)?;
        write_cluster(joined, &out.join(&cluster.name), signing_key)
            .with_context(|| format!("joining the shards of cluster {}", cluster.name))?;
    }
    let step = interrupt::uninterrupted();
    report::write_fleet(&folder, &shards.record)?;
    drop(step);
    if let Some(key) = signing_key {
        publication::sign_fleet(&folder, &shards.record, key)?;
    }
    Ok(shards.record)
}

/// A cluster whose parts fit together.
struct Joined {
    manifest: Manifest,
    /// The directories of the cluster in the shards, and their manifests.
    parts: Vec<(PathBuf, Manifest)>,
    /// For each node of the manifest, the directory that contains its image.
    sources: Vec<PathBuf>,
}

impl Joined {
    /// Returns the directory with the operator's files. Stores do not get them; they are in the state directory as well.
    fn client_folder(&self) -> Option<&PathBuf> {
        let mut folders = self.parts.iter().map(|(folder, _)| folder);
        folders.find(|folder| report::has_client(folder))
    }

    /// Returns what the files of all shards say about their address and their lock file, each `None` if they differ.
    fn origin(&self) -> Result<[Option<String>; 2]> {
        let parts = self.parts.iter();
        let all = parts.map(|(folder, manifest)| publication::listed_origin(folder, manifest));
        let all = all.collect::<Result<Vec<_>>>()?;
        Ok([0, 1].map(|which| {
            let mut values = all.iter().map(|origin| &origin[which]);
            let first = values.next()?;
            let is_agreed = values.all(|other| other == first);
            is_agreed.then(|| first.clone()).flatten()
        }))
    }
}

fn write_cluster(joined: Joined, path: &Path, signing_key: Option<&SigningKey>) -> Result<()> {
    let out = OutputFolder::open(path)?;
    let operators = joined.client_folder().cloned();
    let [url, lock_sha256] = joined.origin()?;
    let mut manifest = joined.manifest;
    let attachments = match manifest.is_described() {
        true => publication::attach_common(&mut manifest, url.as_deref(), lock_sha256.as_deref())?,
        false => Vec::new(),
    };
    let sums = manifest.sums()?;
    let signature = signing_key.map(|key| key.sign(sums.as_bytes()));
    let signature = signature.transpose()?;
    let step = interrupt::uninterrupted();
    report::begin_replacement(&out, &manifest)?;
    drop(step);
    for (node, source) in manifest.nodes.iter().zip(&joined.sources) {
        for output in &node.outputs {
            out.adopt(&source.join(&output.name), &output.name)?;
        }
        for attachment in &node.attachments {
            // It may have changed since it was compared.
            let bytes = attachment.read(source)?;
            let _step = interrupt::uninterrupted();
            out.write(&attachment.name, &bytes, 0o644)?;
        }
    }
    let client = operators.map(|folder| report::read_client(&folder, &manifest));
    let client = client.transpose()?;
    let _step = interrupt::uninterrupted();
    report::write_files(
        &out,
        &manifest,
        client.unwrap_or_default(),
        &attachments,
        signature.as_deref(),
    )
}
