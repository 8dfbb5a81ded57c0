//! Base + edits → a file: the base's data is copied by the kernel where it can, holes stay holes.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::thread;

use anyhow::{Context as _, Result, bail};
use diskimg::{Overlay, Storage as _};
use sha2::{Digest as _, Sha256};

use super::extents;
use super::output::{OutputFolder, Staged};
use crate::failure::{Failure, Kind};
use crate::hex;
use crate::inspect::Image;
use crate::plan::Plan;

/// Read, hashed and written at a time.
const CHUNK: u64 = 1 << 20;
/// What a hole reads as, one chunk long.
static ZEROES: [u8; 1 << 20] = [0; 1 << 20];
/// A run of zeroes this long, aligned to its size, becomes a hole.
const HOLE: usize = 64 << 10;

/// Writes the edited image under a temporary name and computes its digest.
pub(super) fn compose(
    plan: &Plan,
    base: &Image,
    edited: &Overlay,
    out: &OutputFolder,
) -> Result<Staged> {
    let name = format!("{}.img", plan.node);
    let mut file = out.temporary(&name)?;
    let context = || no_room(out, &name);
    let size = edited.size();
    file.as_file().set_len(size).with_context(context)?;
    let data = base.file().map_or_else(
        || std::iter::once(0..size).collect(),
        |source| extents::data(source, size),
    );
    // Hashing keeps a processor busy while copying waits for memory and the disk.
    let sha256 = thread::scope(|scope| {
        let hash = scope.spawn(|| digest(edited, &data));
        fill(base, edited, &data, file.as_file_mut())?;
        file.as_file().sync_all()?;
        hash.join().unwrap_or_else(|_| bail!("hashing panicked"))
    });
    let sha256 = sha256.with_context(context)?;
    Ok(Staged {
        name,
        size,
        sha256,
        file,
    })
}

/// Writes the edited image into a file of its size that has nothing but a hole.
fn fill(base: &Image, edited: &Overlay, data: &[Range<u64>], file: &mut File) -> Result<()> {
    if base
        .file()
        .is_some_and(|source| extents::copy(source, file, data))
    {
        return write_runs(edited, file);
    }
    // A copy that stopped half-way must not show through where holes stay.
    file.set_len(0)?;
    file.set_len(edited.size())?;
    walk(edited, data, |offset, chunk| {
        write_sparse(file, offset, chunk)
    })
}

fn digest(edited: &Overlay, data: &[Range<u64>]) -> Result<String> {
    let mut hash = Sha256::new();
    walk(edited, data, |_, chunk| {
        hash.update(chunk);
        Ok(())
    })?;
    Ok(hex::encode(&hash.finalize()))
}

/// Hands over the edited image from first to last byte; what is known to be a hole is not read.
fn walk(
    edited: &Overlay,
    data: &[Range<u64>],
    mut visit: impl FnMut(u64, &[u8]) -> std::io::Result<()>,
) -> Result<()> {
    let mut buffer = vec![0; ZEROES.len()];
    let mut offset = 0;
    while offset < edited.size() {
        let end = edited.size().min(offset + CHUNK);
        let len = usize::try_from(end - offset).context("counting bytes")?;
        if is_hole(edited, data, offset..end) {
            visit(offset, &ZEROES[..len])?;
        } else {
            edited.read_at(offset, &mut buffer[..len])?;
            visit(offset, &buffer[..len])?;
        }
        offset = end;
    }
    Ok(())
}

/// Whether the range is a hole of the base that no edit touches.
fn is_hole(edited: &Overlay, data: &[Range<u64>], range: Range<u64>) -> bool {
    let next = data.partition_point(|part| part.end <= range.start);
    let in_data = data.get(next).is_some_and(|part| part.start < range.end);
    !in_data && !edited.is_changed(range)
}

/// Writes the chunk but for its zeroes: the file was made of zeroes.
fn write_sparse(file: &mut File, offset: u64, chunk: &[u8]) -> std::io::Result<()> {
    let mut at = offset;
    for piece in chunk.chunks(HOLE) {
        if *piece != ZEROES[..piece.len()] {
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
        hint: "make sure the disk has room for as many bytes as the base has, or name another folder with `--out`"
            .to_owned(),
    }
}
