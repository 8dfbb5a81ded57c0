//! The images of a run: planned for all nodes, then written.

use std::num::NonZeroUsize;

use anyhow::Result;

use super::base::OpenedBase;
use super::job::Job;
use crate::apply::{self, OutputFolder, Packer, Staged, Target};
use crate::image_format::ImageFormat;
use crate::inspect;
use crate::overlay::{self, NodeInputs, Overlays};
use crate::parallel;
use crate::plan::{self, Plan};
use crate::publication::Publishing;

/// The largest number of raw images that are written at once. Each needs some 22 MiB; a processor hashes 2 GB/s, so that five
/// keep up with any disk.
const MOST_WRITTEN_AT_ONCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);
/// The largest number of images in work at once if they are compressed. All threads compress one image after another; meanwhile, the
/// next one is edited and checked.
const MOST_COMPRESSED_AT_ONCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

impl Job {
    /// Returns the overlays: those of this program, or those in the directory that the user names.
    pub(crate) fn overlays(&self) -> Result<Overlays> {
        Overlays::new(self.work.nodes.overlays.as_deref())
    }

    /// Returns a plan for every requested node. Nothing is written.
    pub(crate) fn plans(&self, inputs: &NodeInputs<'_>, base: &OpenedBase) -> Result<Vec<Plan>> {
        self.note(base.image.warnings());
        self.note(&overlay::warnings(inputs));
        let nodes = inputs.cluster.select(&self.work.nodes.only)?;
        let settings = overlay::refusals(inputs, &nodes)?;
        let mut refusals = base.refusals.clone();
        // Stop here: what the base lacks for an unsupported setting would only repeat the refusal.
        let are_supported = settings.is_empty();
        refusals.extend(settings);
        if !are_supported {
            refusals.clone().settle()?;
        }
        let plans = parallel::map(self.nodes_at_once(), &nodes, |node| {
            let tree = overlay::tree(inputs, node)?;
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
    pub(crate) fn write_images(
        &self,
        plans: &[Plan],
        base: &OpenedBase,
        out: &OutputFolder,
        publishing: &Publishing,
    ) -> Result<Vec<Staged>> {
        let shared = apply::shared_contents(plans);
        let target = self.target(base, out, publishing.is_wanted())?;
        let most = match target.packers.is_empty() {
            true => MOST_WRITTEN_AT_ONCE,
            false => MOST_COMPRESSED_AT_ONCE,
        };
        parallel::map(self.nodes_at_once().min(most), plans, |plan| {
            let image = apply::apply(plan, &base.image, &shared, &target)?;
            let (node, sha256) = (&plan.node, &image.sha256);
            self.detail(&format!("node {node}: written, SHA-256 {sha256}"));
            Ok(image)
        })
    }

    /// Returns where images go, with a writer for each compressed format.
    fn target<'a>(
        &'a self,
        base: &OpenedBase,
        out: &'a OutputFolder,
        maps: bool,
    ) -> Result<Target<'a>> {
        let mut formats = self.work.output.formats.clone();
        formats.sort_unstable();
        formats.dedup();
        let mut options = self.fetch_options()?;
        // A further thread that compresses needs up to 20 MiB, and has no processor.
        options.jobs = options.jobs.min(self.environment.parallelism.get());
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

    /// Returns the number of nodes to work on at once. The default is one more than the processors: a node that waits for
    /// the disk leaves its processor to another.
    fn nodes_at_once(&self) -> NonZeroUsize {
        let default = self.environment.parallelism.saturating_add(1);
        self.work.fetch.cache.jobs.unwrap_or(default)
    }
}
