//! One run of `build`, `plan` or `fetch`: its options, and the steps those commands share.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::base::{self, Base};
use super::caches::{self, SharedOnce};
use crate::apply::{self, OutputFolder, Packer, Staged, Target};
use crate::cli::{Environment, Fetch, LockOptions, NodeOptions, OutputOptions, Voice, Work};
use crate::failure::Kind;
use crate::fetch::{self, EtcdBinaries, UnpackedArchive};
use crate::fleet::SelectedCluster;
use crate::image_format::ImageFormat;
use crate::inspect::{self, SignedModels};
use crate::lock::{LockedBase, LockedEtcd};
use crate::overlay::{self, Overlays};
use crate::parallel;
use crate::plan::{self, Plan};
use crate::progress::{self, Progress};
use crate::publication::Publishing;
use crate::recipe::{self, Recipe, Source};
use crate::report::Sources;
use crate::spec::{self, Cluster, Purpose};

/// The options of a run.
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) environment: Environment,
    progress: Arc<dyn Progress>,
    started: Instant,
    /// Whether the images of the build that this run repeats were published; `None` if it repeats none. A repetition leaves
    /// the state directory as it is.
    pub(crate) repeats: Option<bool>,
    /// The cluster of a fleet that this run builds.
    pub(crate) cluster: Option<String>,
    /// What was printed before: clusters of a fleet have many notes in common.
    printed: Arc<Mutex<BTreeSet<String>>>,
    /// The open shared cache.
    shared: SharedOnce,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job")
            .field("work", &self.work)
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}

impl Job {
    /// Creates a run that only fetches: it has no nodes and no output.
    pub(crate) fn fetch(
        fetch: Fetch,
        lock: LockOptions,
        environment: Environment,
        voice: &Voice,
    ) -> Self {
        let work = Work {
            fetch,
            lock,
            nodes: NodeOptions::default(),
            output: OutputOptions::default(),
        };
        Self::new(work, environment, voice)
    }

    /// Creates a run with these options.
    pub(crate) fn new(work: Work, environment: Environment, voice: &Voice) -> Self {
        Self {
            work,
            environment,
            progress: Arc::from(progress::stderr(voice.quiet)),
            started: Instant::now(),
            repeats: None,
            cluster: None,
            printed: Arc::default(),
            shared: SharedOnce::default(),
        }
    }

    /// Returns the run for one cluster of a fleet: its directories are named after the cluster, below those of the fleet.
    pub(crate) fn part(&self, part: &SelectedCluster<'_>) -> Self {
        let name = &part.cluster.name;
        let mut work = self.work.clone();
        work.fetch.sources.state.push(name);
        work.output.out.push(name);
        work.nodes.only.clone_from(&part.nodes);
        if let Some(url) = &mut work.output.publish_url {
            *url = format!("{}/{name}", url.trim_end_matches('/'));
        }
        Self {
            work,
            environment: self.environment.clone(),
            progress: self.progress.clone(),
            started: self.started,
            repeats: self.repeats,
            cluster: Some(name.clone()),
            printed: self.printed.clone(),
            shared: SharedOnce::default(),
        }
    }

    /// Returns the configured cluster, and prints its warnings.
    pub(crate) fn cluster(&self, purpose: Purpose) -> Result<Cluster> {
        let input = spec::Input::gather(&self.work, &self.environment, purpose)?;
        let cluster = spec::resolve(&input)?;
        cluster.select(&self.work.nodes.only)?;
        self.warn(&cluster);
        Ok(cluster)
    }

    /// Prints the warnings about a cluster.
    pub(crate) fn warn(&self, cluster: &Cluster) {
        for warning in &cluster.warnings {
            self.tell(&[format!("warning: {warning}")]);
        }
    }

    /// Returns whether and how the images are published. Each cluster of a fleet has a directory of its own. A shard is not
    /// published, since the directory of the joined shards has other digests.
    pub(crate) fn publishing(&self, cluster: &Cluster) -> Publishing {
        if let Some(was_published) = self.repeats {
            return Publishing::repeated(self.work.output.publish_url.clone(), was_published);
        }
        let mut settings = match self.work.nodes.shard {
            Some(_) => spec::Publish::default(),
            None => cluster.publish.clone(),
        };
        if let (Some(url), Some(name)) = (&mut settings.url, &self.cluster) {
            *url = format!("{}/{name}", url.trim_end_matches('/'));
        }
        let home = self.environment.home.as_deref();
        Publishing::new(&self.work.output, &settings, home)
    }

    /// Prints a detail with the elapsed seconds, with `--verbose` only.
    fn detail(&self, line: &str) {
        if self.work.fetch.detail.verbose {
            let seconds = self.started.elapsed().as_secs_f64();
            self.progress.note(&format!("{seconds:6.2} s  {line}"));
        }
    }

    /// Prints warnings and notes, each once.
    pub(crate) fn tell(&self, lines: &[String]) {
        for line in lines {
            let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
            if printed.insert(line.clone()) {
                self.progress.note(line);
            }
        }
    }

    /// Prints notes about the cluster of this run, which begin with its name in a fleet.
    pub(crate) fn tell_of_cluster(&self, lines: &[String]) {
        for line in lines {
            let named = |name: &String| format!("{name}: {line}");
            self.progress
                .note(&self.cluster.as_ref().map_or(line.clone(), named));
        }
    }

    /// Returns the base: verified, opened, and of a family that a recipe handles.
    pub(crate) fn base(&self, cluster: &Cluster, locked: Option<&LockedBase>) -> Result<Base> {
        let recipes = recipe::load(self.work.fetch.sources.recipes.as_deref())?;
        let options = fetch::Options {
            packages: &cluster.packages,
            ..self.fetch_options()?
        };
        let (wanted, (verified, locked)) = match &cluster.base {
            spec::Base::Recipe(name) => {
                let recipe = recipe::find(&recipes, name)?;
                self.mirror_serves(cluster, Some(recipe))?;
                (Some(recipe), fetch::base(recipe, locked, &options)?)
            }
            spec::Base::Image(path) => {
                self.mirror_serves(cluster, None)?;
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
        let base = Base {
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
        fetch::etcd(source, None, &options, &self.work.fetch.sources.state)
    }

    /// Refuses a mirror of Debian's packages if the run needs no such package.
    fn mirror_serves(&self, cluster: &Cluster, recipe: Option<&Recipe>) -> Result<()> {
        let made = recipe.is_some_and(|recipe| recipe.source == Source::Debian);
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
        base: &Base,
    ) -> Result<EtcdBinaries> {
        let etcd = fetch::etcd(
            source,
            locked,
            &self.fetch_options()?,
            &self.work.fetch.sources.state,
        )?;
        if let Some(libc) = &etcd.libc {
            let doubt = libc.check(inspect::glibc(&base.image, &base.recipe)?)?;
            self.tell(doubt.as_slice());
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

    /// Returns a plan for every requested node. Nothing is written.
    pub(crate) fn plans(&self, sources: &Sources<'_>, base: &Base) -> Result<Vec<Plan>> {
        let overlays = Overlays::new(self.work.nodes.overlays.as_deref())?;
        let inputs = overlay::NodeInputs {
            overlays: &overlays,
            recipe: &base.recipe,
            cluster: sources.cluster,
            certs: sources.certs,
            etcd: sources.etcd,
            snapshot: sources.snapshot,
            archives: sources.archives,
            system: &base.image.layout().system,
            base: &base.facts(),
        };
        self.tell(base.image.doubts());
        self.tell(&overlay::warnings(&inputs));
        let nodes = sources.cluster.select(&self.work.nodes.only)?;
        let settings = overlay::refusals(&inputs, &nodes)?;
        let mut refusals = base.refusals.clone();
        // What the base lacks for settings that it does not support is no further reason.
        let are_supported = settings.is_empty();
        refusals.extend(settings);
        if !are_supported {
            refusals.clone().settle()?;
        }
        let plans = self.on_all(&nodes, |node| {
            let tree = overlay::tree(&inputs, node)?;
            let found = inspect::find(&base.image, &tree.paths())?;
            let plan = plan::plan(base.image.layout(), &found, &tree)?;
            let (node, edits) = (&plan.node, plan.steps.len());
            self.detail(&format!("node {node}: {edits} edits planned"));
            Ok(plan)
        });
        let plans = refusals.join(plans)?;
        refusals.settle()?;
        Ok(plans)
    }

    /// Writes the complete image of every plan under a temporary name.
    pub(crate) fn images(
        &self,
        plans: &[Plan],
        base: &Base,
        out: &OutputFolder,
        publishing: &Publishing,
    ) -> Result<Vec<Staged>> {
        let shared = apply::shared_contents(plans);
        let target = self.target(base, out, publishing.is_wanted())?;
        let at_once = match target.packers.is_empty() {
            true => self.nodes_at_once().min(MOST_WRITTEN_AT_ONCE),
            false => self.nodes_at_once(),
        };
        parallel::map(at_once, plans, |plan| {
            let image = apply::apply(plan, &base.image, &shared, &target)?;
            let (node, sha256) = (&plan.node, &image.sha256);
            self.detail(&format!("node {node}: written, SHA-256 {sha256}"));
            Ok(image)
        })
    }

    /// Returns where images go, with a writer for each compressed format.
    fn target<'a>(&'a self, base: &Base, out: &'a OutputFolder, maps: bool) -> Result<Target<'a>> {
        let mut formats = self.work.output.formats.clone();
        formats.sort_unstable();
        formats.dedup();
        let options = self.fetch_options()?;
        let mut packers = Vec::new();
        for format in &formats {
            packers.extend(Packer::new(*format, base.verified.raw_sha256(), &options)?);
        }
        Ok(Target {
            out,
            maps,
            raw: formats.contains(&ImageFormat::Img),
            packers,
        })
    }

    /// Runs the same work on several nodes in parallel.
    fn on_all<T: Sync, R: Send>(
        &self,
        items: &[T],
        work: impl Fn(&T) -> Result<R> + Sync,
    ) -> Result<Vec<R>> {
        parallel::map(self.nodes_at_once(), items, work)
    }

    /// Returns the number of nodes to work on at once. The default is one more than the processors: a node that waits for
    /// the disk leaves its processor to another.
    fn nodes_at_once(&self) -> NonZeroUsize {
        let unasked = self.environment.parallelism.saturating_add(1);
        self.work.fetch.cache.jobs.unwrap_or(unasked)
    }

    /// Returns the number of threads for unpacking.
    fn threads(&self) -> NonZeroUsize {
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
            packages: &[],
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

/// The largest number of raw images that are written at once. Each needs some 22 MiB; a processor hashes 2 GB/s, so that five
/// keep up with any disk. Compressing takes longer, and is not limited.
const MOST_WRITTEN_AT_ONCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);
