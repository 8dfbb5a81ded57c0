//! Applies a plan's steps in memory laid over the base: no code here can change a file.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use diskimg::{CowStorage, SharedContents, Storage, Window, WriteFs};

use crate::inspect::{Before, Image, Part, Volume};
use crate::plan::{Action, Plan, Step};

/// Returns the base with the plan's edits laid over it.
pub(super) fn edit(
    plan: &Plan,
    base: &Image,
    shared: &Arc<SharedContents>,
) -> Result<Arc<CowStorage>> {
    let edited = Arc::new(CowStorage::sharing(base.storage(), shared.clone()));
    if plan.disk_id.0 != plan.disk_id.1 {
        diskimg::table::set_mbr_disk_id(&*edited, plan.disk_id.1).context("writing the disk id")?;
    }
    let layout = base.layout();
    let boot = diskimg::fat::FatWriter::open(window(&edited, &layout.boot)?, plan.time)?;
    run(plan, Volume::Boot, Box::new(boot))?;
    let clock = diskimg::ext4::Clock {
        time: plan.time,
        generation_seed: u64::from(plan.disk_id.1),
    };
    if let Some(part) = layout.system.part() {
        let root = diskimg::ext4::Ext4Writer::open(window(&edited, part)?, clock)?;
        run(plan, Volume::Root, Box::new(root))?;
    }
    Ok(edited)
}

fn window(edited: &Arc<CowStorage>, part: &Part) -> Result<Arc<dyn Storage>> {
    let storage: Arc<dyn Storage> = edited.clone();
    Ok(Arc::new(Window::new(storage, part.start, part.len)?))
}

fn run(plan: &Plan, volume: Volume, mut fs: Box<dyn WriteFs>) -> Result<()> {
    for step in plan.steps.iter().filter(|step| step.volume == volume) {
        step_on(&mut *fs, step).with_context(|| format!("writing {}", step.path))?;
    }
    fs.finish()?;
    Ok(())
}

fn step_on(fs: &mut dyn WriteFs, step: &Step) -> diskimg::Result<()> {
    let path = &step.path;
    match &step.action {
        Action::WriteFile {
            content,
            attributes,
        } => fs.write_file(path, content.bytes(), *attributes),
        Action::MakeFolder { attributes } => fs.make_directory(path, *attributes),
        Action::SetAttributes { attributes } => fs.set_attributes(path, *attributes),
        Action::MakeSymlink { target } => {
            if step.before != Before::Missing {
                fs.remove(path)?;
            }
            fs.make_symlink(path, target)
        }
        Action::Remove => fs.remove(path),
    }
}
