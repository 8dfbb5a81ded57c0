//! Base + edits → a file: shared with the base where the file system can, otherwise copied, keeping holes.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};

use anyhow::{Context as _, Result};
use diskimg::{Overlay, Storage as _};
use sha2::{Digest as _, Sha256};

use super::output::{OutputFolder, Staged};
use crate::failure::{Failure, Kind};
use crate::hex;
use crate::inspect::Image;
use crate::plan::Plan;

/// Read, hashed and written at a time.
const CHUNK: usize = 1 << 20;
/// A run of zeroes this long, aligned to its size, becomes a hole.
const HOLE: usize = 64 << 10;

/// Writes the edited image under a temporary name and computes its digest on the way.
pub(super) fn compose(
    plan: &Plan,
    base: &Image,
    edited: &Overlay,
    out: &OutputFolder,
) -> Result<Staged> {
    let name = format!("{}.img", plan.node);
    let mut file = out.temporary(&name)?;
    let context = || no_room(out, &name);
    let shared = match base.file() {
        Some(source) => share(source, file.as_file()),
        None => false,
    };
    if shared {
        write_runs(edited, file.as_file_mut()).with_context(context)?;
    } else {
        file.as_file()
            .set_len(edited.size())
            .with_context(context)?;
    }
    let target = (!shared).then_some(file.as_file_mut());
    let sha256 = stream(edited, target).with_context(context)?;
    file.as_file().sync_all().with_context(context)?;
    Ok(Staged {
        name,
        size: edited.size(),
        sha256,
        file,
    })
}

/// Reads the edited image once, from first to last byte: its digest, and its copy if there is a target.
fn stream(edited: &Overlay, mut target: Option<&mut File>) -> Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    let mut offset = 0;
    while offset < edited.size() {
        let rest = usize::try_from(edited.size() - offset).unwrap_or(CHUNK);
        let chunk = &mut buffer[..rest.min(CHUNK)];
        edited.read_at(offset, chunk)?;
        hash.update(&*chunk);
        if let Some(file) = &mut target {
            write_sparse(file, offset, chunk)?;
        }
        offset += u64::try_from(chunk.len()).context("counting bytes")?;
    }
    Ok(hex::encode(&hash.finalize()))
}

/// Writes the chunk but for its zeroes: the file was made of zeroes.
fn write_sparse(file: &mut File, offset: u64, chunk: &[u8]) -> std::io::Result<()> {
    let mut at = offset;
    for piece in chunk.chunks(HOLE) {
        if piece.iter().any(|byte| *byte != 0) {
            file.seek(SeekFrom::Start(at))?;
            file.write_all(piece)?;
        }
        at += u64::try_from(piece.len()).unwrap_or_default();
    }
    Ok(())
}

fn write_runs(edited: &Overlay, file: &mut File) -> Result<()> {
    for run in edited.runs() {
        let run = run?;
        file.seek(SeekFrom::Start(run.offset))?;
        file.write_all(&run.bytes)?;
    }
    Ok(())
}

fn no_room(out: &OutputFolder, name: &str) -> Failure {
    Failure {
        kind: Kind::Storage,
        message: format!("writing {}", out.path().join(name).display()),
        hint: "an image needs as much room as its base; name a folder on another disk with `--out`"
            .to_owned(),
    }
}

/// Makes `target` share the blocks of `source` (Btrfs, XFS, bcachefs); false where that is not possible.
#[cfg(target_os = "linux")]
fn share(source: &File, target: &File) -> bool {
    rustix::fs::ioctl_ficlone(target, source).is_ok()
}

/// Elsewhere the image is copied.
#[cfg(not(target_os = "linux"))]
fn share(_source: &File, _target: &File) -> bool {
    false
}
