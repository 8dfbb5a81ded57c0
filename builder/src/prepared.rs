//! The inputs that clusters of one run have in common: a base is verified and opened, and etcd is unpacked, only once while
//! consecutive clusters use the same.

use std::sync::Arc;

use anyhow::Result;

use crate::base::Base;
use crate::fetch::{self, EtcdBinaries};
use crate::job::Job;
use crate::spec::{self, Cluster, EtcdSource};

/// The inputs of the previous cluster.
#[derive(Debug, Default)]
pub(crate) struct Prepared {
    base: Option<(spec::Base, Arc<Base>)>,
    etcd: Option<(EtcdKey, Arc<EtcdBinaries>)>,
}

/// Everything that decides which programs a cluster gets, and whether they start on its base.
#[derive(Debug, PartialEq)]
struct EtcdKey {
    source: EtcdSource,
    base: spec::Base,
    pins: Option<String>,
}

impl Prepared {
    /// Returns the base of a cluster.
    pub(crate) fn base(&mut self, job: &Job, cluster: &Cluster) -> Result<Arc<Base>> {
        if let Some((known, base)) = &self.base
            && *known == cluster.base
        {
            return Ok(base.clone());
        }
        // An earlier base may keep a large file open.
        self.base = None;
        let base = Arc::new(job.base(cluster)?);
        self.base = Some((cluster.base.clone(), base.clone()));
        Ok(base)
    }

    /// Returns etcd's programs for a cluster.
    pub(crate) fn etcd(
        &mut self,
        job: &Job,
        cluster: &Cluster,
        base: &Base,
    ) -> Result<Arc<EtcdBinaries>> {
        let key = EtcdKey {
            source: cluster.etcd.source.clone(),
            base: cluster.base.clone(),
            pins: fetch::etcd_pins(&job.work.fetch.sources.state)?,
        };
        if let Some((known, etcd)) = &self.etcd
            && *known == key
        {
            return Ok(etcd.clone());
        }
        self.etcd = None;
        let etcd = Arc::new(job.etcd(cluster, base)?);
        self.etcd = Some((key, etcd.clone()));
        Ok(etcd)
    }
}
