//! What a run does differently for a fleet and its shards.

use std::collections::BTreeSet;

use anyhow::Result;

use super::job::Job;
use crate::description::ClusterDescription;
use crate::fleet::{Fleet, FleetCluster, SelectedCluster};
use crate::pki::{self, StateDirectory};
use crate::plan::Plan;
use crate::publication::{self, Publishing, SigningKey};
use crate::report::{self, FleetRecord, Manifest, Sources};
use crate::secret::Secret;
use crate::spec::{ArchiveSource, Cluster, Publish, Purpose};

impl Job {
    /// Returns the fleet that `--fleet` names, every cluster of which is valid.
    pub(crate) fn fleet(&self, purpose: Purpose) -> Result<Option<Fleet>> {
        let path = self.work.nodes.fleet.as_deref();
        let open = |path| Fleet::open(path, &self.work, &self.environment, purpose);
        path.map(open).transpose()
    }

    /// Opens the state directory of a cluster. A shard only reads it: if two shards made keys, each would have its own.
    pub(crate) fn state(&self, cluster: &Cluster) -> Result<StateDirectory> {
        let (state, now) = (self.state_path(), self.environment.now);
        ClusterDescription::refuse_other_scheme(state, cluster)?;
        match self.work.nodes.shard {
            Some(_) => pki::open_complete(state, cluster, now),
            None => pki::open(state, cluster, now),
        }
    }

    /// Returns the manifest of the images if a worker built all of them before: another worker of the same shard, or the
    /// same one before it was killed. Returns `None` if a file is not as it was built, or if a key is given that has not signed the
    /// images: a manifest can be written to fit any image.
    pub(crate) fn built_before(
        &self,
        sources: &Sources<'_>,
        plans: &[Plan],
        signing_key: Option<&SigningKey>,
    ) -> Result<Option<Manifest>> {
        if self.work.nodes.shard.is_none() {
            return Ok(None);
        }
        let output = &self.work.output;
        let built = report::built_before(sources, plans, output, self.threads())?;
        let Some(manifest) = built else {
            return Ok(None);
        };
        let may_keep = publication::may_keep(&output.out, &manifest, signing_key)?;
        let publishing = self.publishing(sources.nodes.cluster);
        let is_same = may_keep && publishing.is_that_of(&manifest, &output.out);
        Ok(is_same.then_some(manifest))
    }

    /// Opens the key that signs the record of a fleet: the named one, or that of the first cluster of this run. A shard may have none.
    pub(crate) fn fleet_key(
        &self,
        fleet: &Fleet,
        first: Option<&SelectedCluster<'_>>,
    ) -> Result<Option<SigningKey>> {
        let publishing = match first {
            Some(part) => self
                .for_cluster(part)
                .publishing(&fleet.resolve(part.cluster)?),
            None => Publishing::new(&self.work.output, &Publish::default(), None),
        };
        let key = publishing.key(&self.environment)?;
        if key.is_some() {
            report::refuse_list_of_cluster(&self.work.output.out)?;
        }
        Ok(key)
    }

    /// Returns the record of a fleet after its build, by which `merge` compares what its shards were made from.
    pub(crate) fn fleet_record(&self, fleet: &Fleet) -> Result<FleetRecord> {
        let nodes = &self.work.nodes;
        let overlays = self.overlays()?.sha256()?;
        let snapshot = self.snapshot()?.map(|snapshot| snapshot.sha256);
        let signed = nodes.core_signed_cmdline;
        let formats: BTreeSet<_> = self.work.output.formats.iter().collect();
        let options = format!("{overlays} {snapshot:?} {signed} {formats:?}");
        let mut record = FleetRecord::new(fleet, nodes.shard);
        for (member, of_record) in fleet.clusters.iter().zip(&mut record.clusters) {
            of_record.description = self.description_fingerprint(fleet, member, &options)?;
        }
        Ok(record)
    }

    /// Returns the fingerprint of a cluster's description and of the options with the key of its state directory, since passwords
    /// could be guessed from a digest; `None` if the directory has no key, as on a worker that builds other clusters.
    fn description_fingerprint(
        &self,
        fleet: &Fleet,
        member: &FleetCluster,
        options: &str,
    ) -> Result<Option<String>> {
        let Some(key) = pki::fingerprint_key(&self.state_path().join(&member.name))? else {
            return Ok(None);
        };
        let cluster = fleet.resolve(member)?;
        let mut inputs = fleet.comparable_text(member, &cluster)? + options;
        for archive in &cluster.archives {
            if let ArchiveSource::Path(path) = &archive.source {
                inputs += &report::digest(path)?;
            }
        }
        Ok(Some(Secret::new(inputs).fingerprint(&key)))
    }
}
