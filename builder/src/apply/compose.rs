//! Base + edits → a file: blocks are shared with the base where the file system can, holes stay holes.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::thread;

use anyhow::{Context as _, Result, bail};
use diskimg::{Overlay, Storage as _};
use sha2::{Digest as _, Sha256};

use super::direct::{Buffer, DirectFile};
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
    let name = plan.image();
    let file = out.temporary(&name)?;
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
        fill(base, edited, &data, file.as_file())?;
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
fn fill(base: &Image, edited: &Overlay, data: &[Range<u64>], file: &File) -> Result<()> {
    if base
        .file()
        .is_some_and(|source| extents::share(source, file))
    {
        return write_runs(edited, file);
    }
    let mut file = DirectFile::new(file);
    walk(edited, data, |piece| {
        if piece.is_hole {
            return Ok(());
        }
        parts(piece.bytes).try_for_each(|part| {
            let at = piece.offset + u64::try_from(part.start).unwrap_or_default();
            file.write_at(at, &piece.bytes[part])
        })
    })
}

fn digest(edited: &Overlay, data: &[Range<u64>]) -> Result<String> {
    let mut hash = Sha256::new();
    walk(edited, data, |piece| {
        hash.update(piece.bytes);
        Ok(())
    })?;
    Ok(hex::encode(&hash.finalize()))
}

/// Some bytes of the edited image.
struct Piece<'a> {
    offset: u64,
    bytes: &'a [u8],
    /// A hole of the base, and no edit in it.
    is_hole: bool,
}

/// Hands over the edited image from first to last byte; what is known to be a hole is not read.
fn walk(
    edited: &Overlay,
    data: &[Range<u64>],
    mut visit: impl FnMut(&Piece<'_>) -> std::io::Result<()>,
) -> Result<()> {
    let mut buffer = Buffer::new(ZEROES.len());
    let mut offset = 0;
    while offset < edited.size() {
        let end = edited.size().min(offset + CHUNK);
        let len = usize::try_from(end - offset).context("counting bytes")?;
        let is_hole = is_hole(edited, data, offset..end);
        let bytes = if is_hole {
            &ZEROES[..len]
        } else {
            let bytes = buffer.first(len);
            edited.read_at(offset, bytes)?;
            bytes
        };
        visit(&Piece {
            offset,
            bytes,
            is_hole,
        })?;
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

/// The parts of a piece between long runs of zeroes.
fn parts(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    let blocks = bytes.chunks(HOLE).map(move |block| {
        let start = at;
        at += block.len();
        (start..at, *block == ZEROES[..block.len()])
    });
    let mut blocks = blocks.peekable();
    std::iter::from_fn(move || {
        while blocks.next_if(|(_, zeroes)| *zeroes).is_some() {}
        let (mut part, _) = blocks.next()?;
        while let Some((next, _)) = blocks.next_if(|(_, zeroes)| !zeroes) {
            part.end = next.end;
        }
        Some(part)
    })
}

fn write_runs(edited: &Overlay, mut file: &File) -> Result<()> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_between_long_runs_of_zeroes() {
        let mut bytes = vec![0; 5 * HOLE + 7];
        assert_eq!(parts(&bytes).count(), 0);
        bytes[2 * HOLE - 1] = 1;
        bytes[2 * HOLE] = 1;
        bytes[5 * HOLE + 6] = 1;
        let parts: Vec<_> = parts(&bytes).collect();
        assert_eq!(parts, [HOLE..3 * HOLE, 5 * HOLE..5 * HOLE + 7]);
    }
}
