//! Writes a plan and a verified base to an image file. This is the only module that writes images: it edits in memory,
//! reads the result back with another author's code, composes it into a temporary file, syncs and renames that.

mod compose;
mod direct;
mod edit;
mod extents;
mod output;
mod readback;

use anyhow::{Context as _, Result};

use crate::check;
use crate::inspect::Image;
use crate::plan::Plan;

pub use output::{OutputFolder, Staged};

/// Writes the plan's image under a temporary name in the output directory; [`OutputFolder::publish`] renames it.
pub fn apply(plan: &Plan, base: &Image, out: &OutputFolder) -> Result<Staged> {
    let context = || format!("writing the image of node {}", plan.node);
    let edited = edit::edit(plan, base).with_context(context)?;
    let image = readback::check(plan, &edited).with_context(context)?;
    let findings = check::check(&image).with_context(context)?;
    findings.settle().with_context(context)?;
    compose::compose(plan, base, &edited, out).with_context(context)
}
