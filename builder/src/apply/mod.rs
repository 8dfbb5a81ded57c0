//! Builds a node's image from a plan and a verified base: edits the base in memory, reads the result back with another
//! author's code, composes both into a temporary file, syncs it, and renames it.

mod chunks;
mod compose;
mod direct;
mod edit;
mod extents;
mod map;
mod output;
mod pack;
mod readback;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use diskimg::SharedContents;

use crate::check;
use crate::inspect::Image;
use crate::overlay::FileContent;
use crate::plan::{Action, Plan};

pub(crate) use compose::Target;
pub(crate) use direct::{DirectBuffer, DirectFile};
pub(crate) use map::{MappedRange, map};
pub(crate) use output::{OutputFolder, Staged, StagedFile, temporary_beside};
pub(crate) use pack::Packer;

/// Returns the contents that every node gets, such as etcd's programs, so that the images being written hold them in memory
/// only once.
pub(crate) fn shared_contents(plans: &[Plan]) -> Arc<SharedContents> {
    // Contents that all nodes have in common are in the first plan.
    let steps = plans.first().into_iter().flat_map(|plan| &plan.steps);
    let contents = steps.filter_map(|step| match &step.action {
        Action::WriteFile {
            content: FileContent::Plain(bytes),
            ..
        } => Some(bytes.shared()),
        _ => None,
    });
    Arc::new(SharedContents::new(contents))
}

/// Writes the plan's image in every format under temporary names in the output directory; [`OutputFolder::publish`]
/// renames them.
pub(crate) fn apply(
    plan: &Plan,
    base: &Image,
    shared: &Arc<SharedContents>,
    target: &Target<'_>,
) -> Result<Staged> {
    let context = || format!("writing the image of node {}", plan.node);
    let edited = edit::edit(plan, base, shared).with_context(context)?;
    let (image, mut files) = readback::check(plan, &edited).with_context(context)?;
    let findings = check::check(&image, &mut files).with_context(context)?;
    findings.settle().with_context(context)?;
    compose::compose(plan, base, &edited, target).with_context(context)
}
