//! Reads every edited path back through the independent readers, before a byte is written to disk.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use diskimg::{CowStorage, FileKind, ReadFs};

use crate::failure::Kind;
use crate::inspect::{Files, Image, Volume};
use crate::plan::{Action, Plan, Step};

/// Returns the edited image and its file systems. Fails unless every path matches the plan.
pub(super) fn check(plan: &Plan, edited: &Arc<CowStorage>) -> Result<(Image, Files)> {
    let image = Image::of(edited.clone()).context("reading the edited image back")?;
    let mut files = image.files()?;
    for step in &plan.steps {
        let same = holds(files.at(step.volume)?, step)
            .with_context(|| format!("reading {} back", step.path))?;
        if !same {
            return Err(mismatch(&step.path));
        }
    }
    if image.layout().disk_id != plan.disk_id.1 {
        return Err(mismatch("the disk id"));
    }
    Ok((image, files))
}

fn holds(fs: &mut dyn ReadFs, step: &Step) -> diskimg::Result<bool> {
    let path = &step.path;
    let metadata = fs.metadata(path)?;
    let kind = metadata.as_ref().map(|m| m.kind);
    // FAT stores neither modes nor owners.
    let owned = |wanted: &diskimg::Attributes| {
        let same =
            |m: &diskimg::Metadata| (m.mode, m.uid, m.gid) == (wanted.mode, wanted.uid, wanted.gid);
        step.volume == Volume::Boot || metadata.as_ref().is_some_and(same)
    };
    Ok(match &step.action {
        Action::WriteFile {
            content,
            attributes,
        } => {
            kind == Some(FileKind::File)
                && owned(attributes)
                && fs.has_content(path, content.bytes())?
        }
        Action::MakeFolder { attributes } => kind == Some(FileKind::Directory) && owned(attributes),
        Action::SetAttributes { attributes } => owned(attributes),
        Action::MakeSymlink { target } => {
            kind == Some(FileKind::Symlink) && fs.read_link(path)? == *target
        }
        Action::Remove => kind.is_none(),
    })
}

fn mismatch(what: &str) -> anyhow::Error {
    Kind::Corrupt.error(format!("{what} was written but reads back differently"),
        "the base's file system is damaged, or this is a defect of etcd-image: please report it with the base's name",
    )
}
