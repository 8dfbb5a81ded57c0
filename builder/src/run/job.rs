//! One run: its options, and what it prints on the way.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::Result;

use super::caches::SharedOnce;
use crate::cli::{
    BuildOptions, Environment, Fetch, LockOptions, NodeOptions, OutputMode, OutputOptions,
};
use crate::fleet::SelectedCluster;
use crate::progress::{self, Progress};
use crate::publication::Publishing;
use crate::spec::{self, Cluster, Purpose};

/// The options of a run.
pub(crate) struct Job {
    pub(crate) work: BuildOptions,
    pub(crate) environment: Environment,
    pub(super) progress: Arc<dyn Progress>,
    started: Instant,
    /// Whether the images of the build that this run repeats were published; `None` if it repeats none. A repetition leaves
    /// the state directory as it is.
    pub(crate) repeats: Option<bool>,
    /// The cluster of a fleet that this run builds.
    pub(crate) cluster: Option<String>,
    /// What was printed before: clusters of a fleet have many notes in common.
    printed: Arc<Mutex<BTreeSet<String>>>,
    /// The open shared cache.
    pub(super) shared: SharedOnce,
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
        mode: &OutputMode,
    ) -> Self {
        let work = BuildOptions {
            fetch,
            lock,
            nodes: NodeOptions::default(),
            output: OutputOptions::default(),
        };
        Self::new(work, environment, mode)
    }

    /// Creates a run with these options.
    pub(crate) fn new(work: BuildOptions, environment: Environment, mode: &OutputMode) -> Self {
        Self {
            work,
            environment,
            progress: Arc::from(progress::stderr(mode.quiet)),
            started: Instant::now(),
            repeats: None,
            cluster: None,
            printed: Arc::default(),
            shared: SharedOnce::default(),
        }
    }

    /// Returns the run for one cluster of a fleet: its directories are named after the cluster, below those of the fleet.
    pub(crate) fn for_cluster(&self, part: &SelectedCluster<'_>) -> Self {
        let name = &part.cluster.name;
        let mut work = self.work.clone();
        work.fetch.sources.state.push(name);
        work.output.out.push(name);
        work.nodes.only.clone_from(&part.nodes);
        if let Some(url) = &mut work.output.publish_url {
            *url = below(url, name);
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

    /// Returns the path of the state directory.
    pub(crate) fn state_path(&self) -> &Path {
        &self.work.fetch.sources.state
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
            self.note(&[format!("warning: {warning}")]);
        }
    }

    /// Returns whether and how the images are published. Each cluster of a fleet has a directory of its own.
    pub(crate) fn publishing(&self, cluster: &Cluster) -> Publishing {
        if let Some(was_published) = self.repeats {
            return Publishing::repeated(self.work.output.publish_url.clone(), was_published);
        }
        let mut settings = cluster.publish.clone();
        if let (Some(url), Some(name)) = (&mut settings.url, &self.cluster) {
            *url = below(url, name);
        }
        let home = self.environment.home.as_deref();
        let publishing = Publishing::new(&self.work.output, &settings, home);
        match self.work.nodes.shard {
            Some(_) => publishing.of_shard(&self.work.output),
            None => publishing,
        }
    }

    /// Prints a detail with the elapsed seconds, with `--verbose` only.
    pub(super) fn detail(&self, line: &str) {
        if self.work.fetch.detail.verbose {
            let seconds = self.started.elapsed().as_secs_f64();
            self.progress.note(&format!("{seconds:6.2} s  {line}"));
        }
    }

    /// Prints warnings and notes, each once.
    pub(crate) fn note(&self, lines: &[String]) {
        for line in lines {
            let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
            if printed.insert(line.clone()) {
                self.progress.note(line);
            }
        }
    }

    /// Prints notes about the cluster of this run, which begin with its name in a fleet.
    pub(crate) fn note_about_cluster(&self, lines: &[String]) {
        for line in lines {
            let named = |name: &String| format!("{name}: {line}");
            self.progress
                .note(&self.cluster.as_ref().map_or(line.clone(), named));
        }
    }
}

/// Returns the address of a cluster's directory below the published one of its fleet.
fn below(url: &str, cluster: &str) -> String {
    format!("{}/{cluster}", url.trim_end_matches('/'))
}
