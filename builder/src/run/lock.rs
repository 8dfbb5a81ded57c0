//! The steps of a run that concern the lock file.

use std::path::Path;

use anyhow::Result;

use super::base::OpenedBase;
use super::job::Job;
use crate::cli::OutputOptions;
use crate::failure::Kind;
use crate::fetch;
use crate::lock::{self, Lock, LockFile, LockedBase, LockedEtcd, LockedFile};
use crate::overlay::NodeInputs;
use crate::pki::StateDirectory;
use crate::publication;
use crate::report::Manifest;
use crate::spec::{self, Cluster, EtcdSource};

impl Job {
    /// Returns the lock file of the cluster, which need not exist unless `--locked` is given.
    pub(crate) fn lock(&self, cluster: &Cluster) -> Result<LockFile> {
        let sources = &self.work.fetch.sources;
        let path = if let (Some(name), Some(fleet)) = (&self.cluster, &self.work.nodes.fleet) {
            lock::path_in_fleet(fleet, name)
        } else {
            let description = spec::config_path(sources.config.as_deref())?;
            lock::path(description.as_deref(), &sources.state)
        };
        let lock = LockFile::open(path, &cluster.name)?;
        if self.work.lock.locked {
            lock.found()?;
        }
        Ok(lock)
    }

    /// Returns the base to use if the lock has one for the cluster and `--refresh` does not ask for another.
    pub(crate) fn locked_base<'l>(
        &self,
        lock: &'l LockFile,
        cluster: &Cluster,
    ) -> Option<&'l LockedBase> {
        let mirror = self.work.fetch.sources.mirror.as_deref();
        let locked = lock.base(cluster, mirror);
        locked.filter(|_| !self.work.lock.refresh)
    }

    /// Refuses a base that is older than the locked one.
    pub(crate) fn refuse_older(
        &self,
        lock: &LockFile,
        cluster: &Cluster,
        base: &OpenedBase,
    ) -> Result<()> {
        let mirror = self.work.fetch.sources.mirror.as_deref();
        lock.refuse_older(&base.locked, cluster, mirror)
    }

    /// Returns the etcd to use if the lock has one for the cluster and `--refresh` does not ask for another.
    pub(crate) fn locked_etcd<'l>(
        &self,
        lock: &'l LockFile,
        cluster: &Cluster,
    ) -> Option<&'l LockedEtcd> {
        lock.etcd(cluster).filter(|_| !self.work.lock.refresh)
    }

    /// Returns the inputs of a build for the lock file. With `--locked`, they must be those of the file.
    pub(crate) fn locked_inputs(
        &self,
        nodes: &NodeInputs<'_>,
        base: &OpenedBase,
        lock: &LockFile,
    ) -> Result<Lock> {
        let key = &nodes.certs.fingerprints;
        let files = nodes.cluster.files.iter();
        let archives = nodes.cluster.archives.iter().zip(nodes.archives);
        let archives = archives.map(|(archive, unpacked)| {
            LockedFile::archive(archive, &unpacked.sha256, unpacked.is_public(), key)
        });
        let mut inputs = Lock::new(
            &nodes.cluster.name,
            nodes.overlays.sha256()?,
            base.locked.clone(),
            nodes.etcd.locked.clone(),
            files
                .filter_map(|file| LockedFile::new(file, key))
                .collect(),
        );
        inputs.archives = archives.collect();
        if self.work.lock.locked {
            lock.require(&inputs)?;
        }
        Ok(inputs)
    }

    /// Turns this run into a repetition of the build that wrote a manifest to `target`: the same formats and nodes, with the
    /// locked inputs and the same state.
    pub(crate) fn repeat(mut self, manifest: &Manifest, target: &Path, out: &Path) -> Self {
        self.work.lock.locked = true;
        self.work.nodes.only = manifest.nodes.iter().map(|it| it.name.clone()).collect();
        self.work.output = OutputOptions {
            out: out.to_owned(),
            formats: manifest.formats().into_iter().collect(),
            publish_url: publication::address(target),
            sign: None,
            ..OutputOptions::default()
        };
        self.repeats = Some(manifest.is_published());
        self
    }

    /// Writes what is new in the state directory. A repetition of a build refuses that.
    pub(crate) fn save_state(&self, state: &StateDirectory) -> Result<()> {
        if self.repeats.is_some() && !state.is_saved() {
            let folder = self.state_path().display();
            return Err(Kind::Usage.error(
                format!("{folder} lacks files from which these images were built"),
                "name the state directory of that build with `--state`, and the same options",
            ));
        }
        state.save()
    }

    /// Returns the newest release of etcd if the description leaves the choice to the program; otherwise what it names.
    pub(crate) fn newest_etcd(&self, cluster: &Cluster, lock: &LockFile) -> Result<EtcdSource> {
        let source = &cluster.etcd.source;
        let EtcdSource::Version(version) = source else {
            return Ok(source.clone());
        };
        let options = self.fetch_options()?;
        if !cluster.etcd.is_default {
            let newest = fetch::newest_etcd(version, &options)?;
            if newest != *version {
                let line =
                    format!("note: etcd {newest} is available; the description names {version}");
                self.note(&[line]);
            }
            return Ok(source.clone());
        }
        let locked = lock.etcd(cluster).map(|locked| locked.version.clone());
        let versions = [Some(version.clone()), locked].into_iter().flatten();
        let newest: Result<Vec<String>> = versions
            .map(|version| fetch::newest_etcd(&version, &options))
            .collect();
        let newest = newest?
            .into_iter()
            .max_by_key(|version| leading_numbers(version));
        Ok(newest.map_or_else(|| source.clone(), EtcdSource::Version))
    }
}

/// Returns the numbers of a version, for comparison.
fn leading_numbers(version: &str) -> Vec<u32> {
    let parts = version.split(['.', '-']);
    parts.map_while(|part| part.parse().ok()).collect()
}
