//! The inputs that clusters of one run have in common: a base is verified and opened, and etcd is unpacked, only once while
//! consecutive clusters use the same.

use std::sync::Arc;

use anyhow::Result;

use super::base::Base;
use super::job::Job;
use crate::fetch::{self, EtcdBinaries, UnpackedArchive};
use crate::lock::{LockFile, LockedBase, LockedEtcd};
use crate::spec::{self, Archive, Cluster, EtcdSource};

/// The inputs of the previous cluster.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    base: Option<(BaseKey, Arc<Base>)>,
    etcd: Option<(EtcdKey, Arc<EtcdBinaries>)>,
    archives: Option<(Vec<Archive>, Arc<Vec<UnpackedArchive>>)>,
}

/// What decides which base a cluster gets: the description, and the lock if it has an answer.
type BaseKey = (spec::Base, Vec<String>, Option<LockedBase>);

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
    ) -> Result<Arc<Base>> {
        let base = self.same_base(job, cluster, job.base_in(lock, cluster))?;
        job.refuse_older(lock, cluster, &base)?;
        Ok(base)
    }

    fn same_base(
        &mut self,
        job: &Job,
        cluster: &Cluster,
        locked: Option<&LockedBase>,
    ) -> Result<Arc<Base>> {
        let key = (
            cluster.base.clone(),
            cluster.packages.clone(),
            locked.cloned(),
        );
        if let Some((known, base)) = &self.base
            && *known == key
        {
            return Ok(base.clone());
        }
        // An earlier base may keep a large file open.
        self.base = None;
        let base = Arc::new(job.base(cluster, locked)?);
        self.base = Some((key, base.clone()));
        Ok(base)
    }

    /// Returns etcd's programs for a cluster with that base.
    pub(crate) fn etcd(
        &mut self,
        job: &Job,
        cluster: &Cluster,
        (base, lock): (&Base, &LockFile),
    ) -> Result<Arc<EtcdBinaries>> {
        let locked = job.etcd_in(lock, cluster);
        let key = EtcdKey {
            source: cluster.etcd.source.clone(),
            locked: locked.cloned(),
            base: base.verified.raw_sha256().to_owned(),
            pins: fetch::etcd_pins(&job.work.fetch.sources.state)?,
        };
        if let Some((known, etcd)) = &self.etcd
            && *known == key
        {
            return Ok(etcd.clone());
        }
        self.etcd = None;
        let etcd = Arc::new(job.etcd(&cluster.etcd.source, locked, base)?);
        self.etcd = Some((key, etcd.clone()));
        Ok(etcd)
    }

    /// Returns the content of every archive of a cluster.
    pub(crate) fn archives(
        &mut self,
        job: &Job,
        cluster: &Cluster,
    ) -> Result<Arc<Vec<UnpackedArchive>>> {
        if let Some((known, archives)) = &self.archives
            && *known == cluster.archives
        {
            return Ok(archives.clone());
        }
        self.archives = None;
        let archives = Arc::new(job.archives(cluster)?);
        self.archives = Some((cluster.archives.clone(), archives.clone()));
        Ok(archives)
    }
}
