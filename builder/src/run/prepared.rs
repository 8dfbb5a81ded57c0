//! The inputs that clusters of one run have in common: a base is verified and opened, and etcd is unpacked, only once while
//! consecutive clusters use the same.

use std::sync::Arc;

use anyhow::Result;

use super::base::OpenedBase;
use super::job::Job;
use crate::fetch::{self, EtcdBinaries, UnpackedArchive};
use crate::lock::{LockFile, LockedBase, LockedEtcd};
use crate::overlay::{NodeInputs, Overlays};
use crate::pki::Certs;
use crate::report::Sources;
use crate::snapshot::Snapshot;
use crate::spec::{self, Archive, Cluster, EtcdSource};

/// The inputs of the previous cluster.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    base: Option<(BaseKey, Arc<OpenedBase>)>,
    etcd: Option<(EtcdKey, Arc<EtcdBinaries>)>,
    archives: Option<(Vec<Archive>, Arc<Vec<UnpackedArchive>>)>,
}

/// The inputs of one cluster.
#[derive(Debug)]
pub(crate) struct ClusterInputs {
    pub(crate) base: Arc<OpenedBase>,
    pub(crate) etcd: Arc<EtcdBinaries>,
    archives: Arc<Vec<UnpackedArchive>>,
}

impl ClusterInputs {
    /// Returns everything that the images of the cluster are made from.
    pub(crate) fn sources<'a>(
        &'a self,
        cluster: &'a Cluster,
        certs: &'a Certs,
        snapshot: Option<&'a Snapshot>,
        overlays: &'a Overlays,
    ) -> Sources<'a> {
        let nodes = NodeInputs {
            overlays,
            recipe: &self.base.recipe,
            cluster,
            certs,
            etcd: &self.etcd,
            snapshot,
            archives: &self.archives,
            system: &self.base.image.layout().system,
            base: self.base.facts(),
        };
        Sources {
            nodes,
            base: self.base.record(),
        }
    }
}

/// What decides which base a cluster gets: the description, and the lock if it has an answer.
type BaseKey = (spec::BaseChoice, Vec<String>, Option<LockedBase>);

/// Everything that decides which programs a cluster gets, and whether they start on its base.
#[derive(Debug, PartialEq)]
struct EtcdKey {
    source: EtcdSource,
    locked: Option<LockedEtcd>,
    base: String,
    pins: Option<String>,
}

impl Prepared {
    /// Returns the base of a cluster, which is not older than the locked one.
    pub(crate) fn base(
        &mut self,
        job: &Job,
        cluster: &Cluster,
        lock: &LockFile,
    ) -> Result<Arc<OpenedBase>> {
        let locked = job.locked_base(lock, cluster);
        let key = (cluster.base.clone(), cluster.additions(), locked.cloned());
        let base = shared(&mut self.base, key, || job.base(cluster, locked))?;
        job.refuse_older(lock, cluster, &base)?;
        Ok(base)
    }

    /// Returns etcd's programs for a cluster with that base.
    pub(crate) fn etcd(
        &mut self,
        job: &Job,
        cluster: &Cluster,
        (base, lock): (&OpenedBase, &LockFile),
    ) -> Result<Arc<EtcdBinaries>> {
        let (source, locked) = (&cluster.etcd.source, job.locked_etcd(lock, cluster));
        let key = EtcdKey {
            source: source.clone(),
            locked: locked.cloned(),
            base: base.verified.raw_sha256().to_owned(),
            pins: fetch::etcd_pins(job.state_path())?,
        };
        shared(&mut self.etcd, key, || job.etcd(source, locked, base))
    }

    /// Returns the base, etcd's programs and the archives of a cluster, or all reasons against them.
    pub(crate) fn all(
        &mut self,
        job: &Job,
        cluster: &Cluster,
        lock: &LockFile,
    ) -> Result<ClusterInputs> {
        let base = self.base(job, cluster, lock)?;
        let etcd = self.etcd(job, cluster, (&base, lock));
        let etcd = base.refusals.join(etcd)?;
        let archives = base.refusals.join(self.archives(job, cluster))?;
        Ok(ClusterInputs {
            base,
            etcd,
            archives,
        })
    }

    /// Returns the content of every archive of a cluster.
    pub(crate) fn archives(
        &mut self,
        job: &Job,
        cluster: &Cluster,
    ) -> Result<Arc<Vec<UnpackedArchive>>> {
        let key = cluster.archives.clone();
        shared(&mut self.archives, key, || job.archives(cluster))
    }
}

/// Returns the previous input if it has the same key, and otherwise makes another one.
fn shared<K: PartialEq, V>(
    previous: &mut Option<(K, Arc<V>)>,
    key: K,
    make: impl FnOnce() -> Result<V>,
) -> Result<Arc<V>> {
    if let Some((known, value)) = previous
        && *known == key
    {
        return Ok(value.clone());
    }
    // An earlier base may keep a large file open.
    *previous = None;
    let value = Arc::new(make()?);
    *previous = Some((key, value.clone()));
    Ok(value)
}
