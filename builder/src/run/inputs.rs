//! The inputs of a run: the base, etcd's programs and the user's archives, fetched and checked.

use std::num::NonZeroUsize;

use anyhow::{Context as _, Result};

use super::base::{self, OpenedBase};
use super::caches;
use super::job::Job;
use crate::failure::Kind;
use crate::fetch::{self, EtcdBinaries, UnpackedArchive};
use crate::inspect::{self, SignedModels};
use crate::lock::{LockedBase, LockedEtcd};
use crate::recipe::{self, BaseSource, Recipe};
use crate::spec::{self, Cluster};

impl Job {
    /// Returns the base: verified, opened, and of a family that a recipe handles.
    pub(crate) fn base(
        &self,
        cluster: &Cluster,
        locked: Option<&LockedBase>,
    ) -> Result<OpenedBase> {
        let recipes = recipe::load(self.work.fetch.sources.recipes.as_deref())?;
        let additions = cluster.additions();
        let options = fetch::Options {
            additions: &additions,
            ..self.fetch_options()?
        };
        let (wanted, (verified, locked)) = match &cluster.base {
            spec::BaseChoice::Recipe(name) => {
                let recipe = recipe::find(&recipes, name)?;
                self.refuse_unused_mirror(cluster, Some(recipe))?;
                (Some(recipe), fetch::base(recipe, locked, &options)?)
            }
            spec::BaseChoice::Image(path) => {
                self.refuse_unused_mirror(cluster, None)?;
                (None, fetch::local(path, &options)?)
            }
        };
        let signed = match self.work.nodes.core_signed_cmdline {
            true => SignedModels::ByCommandLine,
            false => SignedModels::Refused,
        };
        let context = format!("inspecting {}", verified.source());
        let opened = base::open(&verified, wanted, &recipes, signed);
        let (recipe, image, refusals) = opened.context(context.clone())?;
        let base = OpenedBase {
            recipe,
            verified,
            image,
            refusals: refusals.about(&context),
            locked,
        };
        let (name, release) = (&base.recipe.name, &base.image.layout().os.pretty_name);
        let (path, sha256) = (base.verified.path().display(), base.verified.raw_sha256());
        self.detail(&format!("base {name}, {release}: {path}, SHA-256 {sha256}"));
        Ok(base)
    }

    /// Returns etcd's programs for nodes that run already.
    pub(crate) fn new_etcd(&self, source: &spec::EtcdSource) -> Result<EtcdBinaries> {
        let options = self.fetch_options()?;
        fetch::etcd(source, None, &options, self.state_path())
    }

    /// Refuses a mirror of Debian's packages if the run needs no such package.
    fn refuse_unused_mirror(&self, cluster: &Cluster, recipe: Option<&Recipe>) -> Result<()> {
        let made = recipe.is_some_and(|recipe| recipe.source == BaseSource::Debian);
        if self.work.fetch.sources.mirror.is_none()
            || made
            || cluster.etcd.source == spec::EtcdSource::Debian
        {
            return Ok(());
        }
        Err(Kind::Usage.error(
            "`--mirror` has no effect: neither the base nor etcd comes from Debian packages",
            "remove it, or use `--base debian-trixie` or `--etcd debian`",
        ))
    }

    /// Returns etcd's binaries, which must start on that base.
    pub(crate) fn etcd(
        &self,
        source: &spec::EtcdSource,
        locked: Option<&LockedEtcd>,
        base: &OpenedBase,
    ) -> Result<EtcdBinaries> {
        let etcd = fetch::etcd(source, locked, &self.fetch_options()?, self.state_path())?;
        if let Some(libc) = &etcd.libc {
            let doubt = libc.check(inspect::glibc(&base.image, &base.recipe)?)?;
            self.note(doubt.as_slice());
        }
        let (source, sha256) = (&etcd.source, &etcd.sha256);
        self.detail(&format!(
            "etcd {}: {source}, SHA-256 {sha256}",
            etcd.version
        ));
        Ok(etcd)
    }

    /// Returns the content of every `[[archive]]`.
    pub(crate) fn archives(&self, cluster: &Cluster) -> Result<Vec<UnpackedArchive>> {
        let options = self.fetch_options()?;
        let archives = cluster.archives.iter();
        archives
            .map(|archive| fetch::archive(archive, &options))
            .collect()
    }

    /// Returns the number of threads for unpacking and reading.
    pub(super) fn threads(&self) -> NonZeroUsize {
        self.work
            .fetch
            .cache
            .jobs
            .unwrap_or(self.environment.parallelism)
    }

    pub(crate) fn fetch_options(&self) -> Result<fetch::Options<'_>> {
        let named = self.work.fetch.cache.cache.as_deref();
        let cache = caches::local_cache(named, &self.environment)?;
        Ok(fetch::Options {
            cache,
            mirror: self.work.fetch.sources.mirror.as_deref(),
            additions: &[],
            recipes: self.work.fetch.sources.recipes.as_deref(),
            offline: self.work.fetch.cache.offline,
            refresh: self.work.lock.refresh,
            shared: self.shared.get(named, &self.environment)?,
            jobs: self.threads().get(),
            clock: self.environment.clock,
            policy: fetch::Policy::default(),
            progress: &*self.progress,
        })
    }
}
