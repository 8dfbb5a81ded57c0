//! The shards as found: each exactly once, and all of one fleet.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cli::Shard;
use crate::failure::Kind;
use crate::publication::SignedFleets;
use crate::report::{FleetRecord, Manifest};

/// All shards of a fleet.
pub(super) struct Shards<'a> {
    /// The record of the whole fleet.
    pub(super) record: FleetRecord,
    /// The number of shards.
    count: u64,
    /// The directory of each shard by its number.
    folders: BTreeMap<u64, PathBuf>,
    /// The fingerprints of the descriptions by the names of their clusters, each with the directory that has it.
    descriptions: BTreeMap<String, Vec<(PathBuf, String)>>,
    /// What allowed signers have signed of them, if signatures are required.
    signed: Option<&'a SignedFleets>,
}

impl<'a> Shards<'a> {
    /// Reads the record of every directory, which must be the one that was `signed`.
    pub(super) fn read(folders: &[PathBuf], signed: Option<&'a SignedFleets>) -> Result<Self> {
        let mut known: BTreeMap<u64, PathBuf> = BTreeMap::new();
        let mut first: Option<(Shard, FleetRecord, &Path)> = None;
        let mut descriptions: BTreeMap<String, Vec<(PathBuf, String)>> = BTreeMap::new();
        for folder in folders {
            let (shard, mut record) = read_shard(folder, signed)?;
            for cluster in &mut record.clusters {
                let found = cluster.description.take();
                let all = descriptions.entry(cluster.name.clone()).or_default();
                all.extend(found.map(|found| (folder.clone(), found)));
            }
            let (of_first, whole, path) = first.get_or_insert((shard, record.clone(), folder));
            if shard.count != of_first.count {
                let message = format!(
                    "{} is shard {shard}, but {} is shard {of_first}",
                    folder.display(),
                    path.display()
                );
                return Err(Kind::Usage.error(message, "merge the shards of one run"));
            }
            if record != *whole {
                let message = format!(
                    "{} and {} are shards of different fleets",
                    path.display(),
                    folder.display()
                );
                let hint = "build all shards from the same fleet.toml, with the same version of etcd-image";
                return Err(Kind::Usage.error(message, hint));
            }
            if let Some(other) = known.insert(shard.index, folder.clone()) {
                let message = format!(
                    "shard {shard} is in {} and in {}",
                    other.display(),
                    folder.display()
                );
                return Err(Kind::Usage.error(message, "name only one of them"));
            }
        }
        let Some((shard, mut record, _)) = first else {
            let hint = "name the directories of the shards";
            return Err(Kind::Usage.error("there is no shard to merge", hint));
        };
        for cluster in &mut record.clusters {
            let found = descriptions.get(&cluster.name).and_then(|all| all.first());
            cluster.description = found.map(|(_, description)| description.clone());
        }
        let shards = Self {
            record,
            count: shard.count,
            folders: known,
            descriptions,
            signed,
        };
        shards.must_be_complete()?;
        Ok(shards)
    }

    fn must_be_complete(&self) -> Result<()> {
        let numbers = (1..=self.count).filter(|index| !self.folders.contains_key(index));
        // The first few are enough; a record may name any number of shards.
        let missing: Vec<String> = numbers.take(20).map(|index| index.to_string()).collect();
        let (names, count) = (missing.join(", "), self.count);
        let message = match missing.len() {
            0 => return Ok(()),
            1 => format!("shard {names} of {count} is missing"),
            _ => format!("shards {names} of {count} are missing"),
        };
        Err(Kind::Usage.error(
            message,
            "build them, and name the directories of all shards",
        ))
    }

    /// Checks that no two shards were built from different descriptions of a cluster or in other formats, also if only one of them has
    /// nodes of it. A shard without the keys of the cluster does not say.
    pub(super) fn same_description(&self, cluster: &str) -> Result<()> {
        let all = self.descriptions.get(cluster).into_iter().flatten();
        let mut pairs = all.clone().zip(all.skip(1));
        let Some(((one, _), (other, _))) = pairs.find(|((_, one), (_, other))| one != other) else {
            return Ok(());
        };
        let message = format!(
            "{} and {} were built from different descriptions of cluster {cluster}, or with different options",
            one.display(),
            other.display()
        );
        let hint = "build all shards with the same state directory, the same fleet.toml and files that it names, and the same \
                    options; without `authorized-keys` in [ssh], each machine takes the keys of its own ~/.ssh";
        Err(Kind::Verification.error(message, hint))
    }

    /// Fails unless this manifest of a cluster is the one that was signed, if signatures are required.
    pub(super) fn must_be_signed(&self, folder: &Path, manifest: &Manifest) -> Result<()> {
        let check = |signed: &SignedFleets| signed.must_have_manifest(folder, manifest);
        self.signed.map_or(Ok(()), check)
    }

    /// Returns the directory of the shard that builds a node.
    pub(super) fn folder_of(&self, cluster: &str, node: &str) -> Option<&Path> {
        let number = crate::fleet::shard_of(cluster, node, self.count);
        self.folders.get(&number).map(PathBuf::as_path)
    }
}

/// Reads the record of a shard. Returns which shard it is, and the record of the whole fleet.
fn read_shard(folder: &Path, signed: Option<&SignedFleets>) -> Result<(Shard, FleetRecord)> {
    let shown = folder.display();
    if !fs_err::exists(folder)? {
        let hint = "check the path; it is the directory that `etcd-image build --shard` wrote";
        return Err(Kind::Usage.error(format!("{shown} does not exist"), hint));
    }
    let Some(mut record) = FleetRecord::read(folder)? else {
        let hint = "run the build of this shard again; it completes what is missing";
        return Err(Kind::Usage.error(format!("{shown} is not a finished shard"), hint));
    };
    if let Some(signed) = signed {
        signed.must_have_record(folder, &record)?;
    }
    let shard = record.shard.take().ok_or_else(|| {
        let hint = "name the directories that `etcd-image build --shard` wrote";
        Kind::Usage.error(format!("{shown} is a whole fleet, not a shard"), hint)
    })?;
    Ok((shard, record))
}
