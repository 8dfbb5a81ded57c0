//! Composes base and edits into a file: blocks are shared with the base if the file system supports it, and holes stay
//! holes.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use anyhow::{Context as _, Result, bail};
use diskimg::{CowStorage, Storage as _};
use sha2::{Digest as _, Sha256};

use super::direct::{DirectBuffer, DirectFile};
use super::extents;
use super::output::{OutputFolder, Staged};
use crate::failure::{Failure, Kind};
use crate::inspect::Image;
use crate::plan::Plan;
use crate::{hex, holes};

/// Bytes that are read, hashed and written at a time.
const CHUNK: u64 = 1 << 20;
/// Number of chunks of one image that may be read but not yet written.
const BUFFERS: usize = 4;
/// The content of a hole, one chunk long.
static ZEROES: [u8; 1 << 20] = [0; 1 << 20];

/// Writes the edited image under a temporary name and computes its digest.
pub(super) fn compose(
    plan: &Plan,
    base: &Image,
    edited: &CowStorage,
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
    let source = base.file();
    let shared = source.is_some_and(|source| extents::share(source, file.as_file()));
    let sha256 = if shared {
        write_runs(edited, file.as_file()).and_then(|()| digest(edited, &data))
    } else {
        copy(edited, &data, file.as_file())
    };
    let sha256 = sha256.with_context(context)?;
    file.as_file().sync_all().with_context(context)?;
    Ok(Staged {
        name,
        size,
        sha256,
        file,
    })
}

/// Returns the digest of the edited image without writing it.
fn digest(edited: &CowStorage, data: &[Range<u64>]) -> Result<String> {
    let mut buffer = DirectBuffer::new(ZEROES.len());
    let mut hash = Sha256::new();
    for chunk in chunks(edited, data) {
        hash.update(chunk.read(edited, &mut buffer)?);
    }
    Ok(hex::encode(&hash.finalize()))
}

/// Writes the edited image into a file of its size that is one hole, and returns its digest. Every byte is read once: one
/// thread reads and hashes, which keeps a processor busy, while another waits for the disk.
fn copy(edited: &CowStorage, data: &[Range<u64>], file: &File) -> Result<String> {
    let (full, to_write) = mpsc::sync_channel(BUFFERS);
    let (written, free) = mpsc::sync_channel(BUFFERS);
    for _ in 0..BUFFERS {
        written.send(DirectBuffer::new(ZEROES.len()))?;
    }
    thread::scope(|scope| {
        let writer = scope.spawn(move || write_chunks(file, &to_write, &written));
        let sha256 = read_chunks(edited, data, &free, &full);
        // Signals to the writer that this was the last chunk.
        drop(full);
        let writer = writer.join();
        writer.unwrap_or_else(|_| bail!("writing panicked"))?;
        sha256
    })
}

/// Reads and hashes every chunk and passes it to the writer, until the end or until the writer has failed.
fn read_chunks(
    edited: &CowStorage,
    data: &[Range<u64>],
    free: &Receiver<DirectBuffer>,
    full: &SyncSender<(Chunk, DirectBuffer)>,
) -> Result<String> {
    let mut hash = Sha256::new();
    for chunk in chunks(edited, data) {
        if chunk.is_hole {
            hash.update(&ZEROES[..chunk.len]);
            continue;
        }
        let Ok(mut buffer) = free.recv() else { break };
        hash.update(chunk.read(edited, &mut buffer)?);
        if full.send((chunk, buffer)).is_err() {
            break;
        }
    }
    Ok(hex::encode(&hash.finalize()))
}

fn write_chunks(
    file: &File,
    full: &Receiver<(Chunk, DirectBuffer)>,
    free: &SyncSender<DirectBuffer>,
) -> Result<()> {
    let mut file = DirectFile::new(file);
    for (chunk, mut buffer) in full {
        chunk.write(buffer.first(chunk.len), &mut file)?;
        // The buffer of the last chunk has no receiver.
        let _ = free.send(buffer);
    }
    Ok(())
}

/// Some bytes of the edited image.
struct Chunk {
    offset: u64,
    len: usize,
    /// Whether this is a hole of the base that no edit touches.
    is_hole: bool,
}

impl Chunk {
    /// Returns the bytes; a known hole is not read.
    fn read<'a>(&self, edited: &CowStorage, buffer: &'a mut DirectBuffer) -> Result<&'a [u8]> {
        if self.is_hole {
            return Ok(&ZEROES[..self.len]);
        }
        let bytes = buffer.first(self.len);
        edited.read_at(self.offset, bytes)?;
        Ok(bytes)
    }

    fn write(&self, bytes: &[u8], file: &mut DirectFile<'_>) -> Result<()> {
        for part in holes::data(bytes) {
            let at = self.offset + u64::try_from(part.start)?;
            file.write_at(at, &bytes[part])?;
        }
        Ok(())
    }
}

/// Splits the edited image into chunks, from the first to the last byte.
fn chunks(edited: &CowStorage, data: &[Range<u64>]) -> impl Iterator<Item = Chunk> {
    let size = edited.size();
    (0..size.div_ceil(CHUNK)).map(move |number| {
        let offset = number * CHUNK;
        let end = size.min(offset + CHUNK);
        Chunk {
            offset,
            len: usize::try_from(end - offset).unwrap_or(ZEROES.len()),
            is_hole: is_hole(edited, data, offset..end),
        }
    })
}

/// Returns whether the range is a hole of the base that no edit touches.
fn is_hole(edited: &CowStorage, data: &[Range<u64>], range: Range<u64>) -> bool {
    let next = data.partition_point(|part| part.end <= range.start);
    let in_data = data.get(next).is_some_and(|part| part.start < range.end);
    !in_data && !edited.is_changed(range)
}

fn write_runs(edited: &CowStorage, mut file: &File) -> Result<()> {
    for run in edited.runs() {
        let run = run?;
        file.seek(SeekFrom::Start(run.offset))?;
        file.write_all(&run.bytes)?;
    }
    Ok(())
}

fn no_room(out: &OutputFolder, name: &str) -> Failure {
    Kind::Storage.context(format!("writing {}", out.path().join(name).display()), "make sure the disk has room for as many bytes as the base has, or name another folder with `--out`")
}
