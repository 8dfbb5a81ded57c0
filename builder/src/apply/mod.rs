//! Plan + verified base → image file. The only room that writes images: edits in memory, read back by
//! another author's code, composed into a temporary file, fsync, rename.

mod compose;
mod direct;
mod edit;
mod extents;
mod output;
mod readback;

use anyhow::{Context as _, Result};

use crate::inspect::Image;
use crate::plan::Plan;

pub use output::{OutputFolder, Staged};

/// Writes the plan's image under a temporary name in the output folder; [`OutputFolder::publish`] names it.
pub fn apply(plan: &Plan, base: &Image, out: &OutputFolder) -> Result<Staged> {
    let context = || format!("writing the image of node {}", plan.node);
    let edited = edit::edit(plan, base).with_context(context)?;
    readback::check(plan, &edited).with_context(context)?;
    compose::compose(plan, base, &edited, out).with_context(context)
}
