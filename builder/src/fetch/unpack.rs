//! Unpacks compressed images. One thread decodes (several for xz), another hashes and writes.
//!
//! ```text
//! file ─▶ digest ─▶ decoder ─▶ full chunks ─▶ digest ─▶ sparse file
//!                      ▲                                   │
//!                      └────────── empty chunks ◀──────────┘
//! ```

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;

use anyhow::{Result, anyhow};
use fs_err::File;

use super::cache::Temporary;
use super::decode::{Decoder, Format};
use super::digest::{DigestReader, Digested, Digester};
use super::sparse::SparseWriter;
use super::verified::Seen;
use super::zipped;
use crate::failure::Kind;
use crate::holes::HOLE;
use crate::progress::Task;

/// The size of one chunk, a multiple of the length of a hole.
const CHUNK: usize = 16 * HOLE;

/// The number of chunks between decoder and disk.
const CHUNKS: usize = 8;

/// The largest accepted image without a published size: more than any card that nodes start from.
const LARGEST_IMAGE: u64 = if cfg!(test) { 1 << 20 } else { 64 << 30 };

/// Unpacks the whole file at `source` into `target`. `size` is the length promised for the image, if known.
///
/// Returns the digests only after the source was read to its end, even if the decoder stopped before.
pub(super) fn unpack(
    source: &Path,
    target: &Temporary,
    size: Option<u64>,
    threads: usize,
    task: &mut dyn Task,
) -> Result<Seen> {
    let limit = size.unwrap_or(LARGEST_IMAGE);
    let seen = match Format::of(File::open(source)?)? {
        Format::Zip => zipped::unpack(source, target, limit, task)?,
        _ => stream(source, target, limit, threads, task)?,
    };
    match seen.raw.size > limit {
        true => Err(too_long(source, size)),
        false => Ok(seen),
    }
}

/// Unpacks at most `limit` bytes and one more; the rest of a longer image is read for the digest alone.
fn stream(
    source: &Path,
    target: &Temporary,
    limit: u64,
    threads: usize,
    task: &mut dyn Task,
) -> Result<Seen> {
    let file = File::open(source)?.into_file();
    task.total(file.metadata().map_or(0, |metadata| metadata.len()));
    let reader = BufReader::with_capacity(256 << 10, DigestReader::watched(file, task));
    let mut decoder = Decoder::new(reader, threads).map_err(|error| unreadable(source, error))?;
    let mut bounded = (&mut decoder).take(limit + 1);
    let raw = pump(&mut bounded, target, |error| unreadable(source, error))?;
    let source_left = decoder.into_inner();
    let packed = match raw.size > limit {
        true => source_left.into_inner().drain()?,
        false => drain(source_left, source)?,
    };
    Ok(Seen { packed, raw })
}

/// Reads the bytes that follow the decoder's end, and fails if there are any.
fn drain<R: Read>(mut reader: BufReader<DigestReader<'_, R>>, source: &Path) -> Result<Digested> {
    let left = reader
        .fill_buf()
        .map_err(|error| unreadable(source, error))?
        .len();
    let position = reader.get_ref().position() - left as u64;
    if left > 0 {
        let what = format!(
            "unpacking {}: something follows the compressed data (offset {position})",
            source.display()
        );
        return Err(Kind::Corrupt.error(what, HINT));
    }
    reader
        .into_inner()
        .drain()
        .map_err(|error| unreadable(source, error))
}

/// Moves everything from `decoder` to `target` and returns its digest.
pub(super) fn pump(
    decoder: &mut impl Read,
    target: &Temporary,
    explain: impl Fn(io::Error) -> anyhow::Error,
) -> Result<Digested> {
    let (full, full_chunks) = mpsc::sync_channel(CHUNKS);
    let (empty, empty_chunks) = mpsc::channel();
    thread::scope(|scope| {
        let writer = scope.spawn(move || write(target.file(), &full_chunks, &empty));
        let fed = feed(decoder, &full, &empty_chunks);
        drop(full); // ends the writer
        let written = writer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let digested = written?;
        fed.map_err(explain)?;
        Ok(digested)
    })
}

/// Decodes until the end, or until the writer has stopped, in which case the writer reports the error.
fn feed(
    decoder: &mut impl Read,
    full: &SyncSender<Vec<u8>>,
    empty: &Receiver<Vec<u8>>,
) -> io::Result<()> {
    loop {
        let chunk = fill(decoder, empty.try_recv().unwrap_or_default())?;
        if chunk.is_empty() || full.send(chunk).is_err() {
            return Ok(());
        }
    }
}

fn write(file: &File, chunks: &Receiver<Vec<u8>>, empty: &Sender<Vec<u8>>) -> io::Result<Digested> {
    let (mut digester, mut writer) = (Digester::default(), SparseWriter::new(file));
    for chunk in chunks {
        digester.update(&chunk);
        writer.write(&chunk)?;
        // The decoder may have finished and no longer need the chunk.
        let _ = empty.send(chunk);
    }
    writer.finish()?;
    Ok(digester.finish())
}

/// Reads a full chunk; it is shorter only at the end.
fn fill(decoder: &mut impl Read, mut chunk: Vec<u8>) -> io::Result<Vec<u8>> {
    chunk.resize(CHUNK, 0);
    let mut length = 0;
    while length < CHUNK {
        match decoder.read(&mut chunk[length..])? {
            0 => break,
            count => length += count,
        }
    }
    chunk.truncate(length);
    Ok(chunk)
}

pub(super) const HINT: &str = "the file is damaged or incomplete: fetch it again and compare its digest with the published one";

/// Creates the error for an image that is too long: a few bytes can unpack to more than any disk holds.
fn too_long(source: &Path, size: Option<u64>) -> anyhow::Error {
    let source = source.display();
    match size {
        Some(size) => Kind::Verification.error(format!(
                "unpacking {source}: the image in it is longer than {size} bytes, the size that was published"
            ),
            "do not use it; fetch it again, and compare the recipe's `raw-size` with what its makers publish",
        ),
        None => Kind::Unsupported.error(format!(
                "unpacking {source}: the image in it is longer than {LARGEST_IMAGE} bytes, the largest that is unpacked"
            ),
            "check where the file comes from; if it is an image, unpack it and give the raw image",
        ),
    }
}

/// Creates the error for a failed disk or for data that is not in the expected format.
pub(super) fn unreadable(source: &Path, error: io::Error) -> anyhow::Error {
    if error.raw_os_error().is_some() {
        return anyhow!(error).context(format!("reading {}", source.display()));
    }
    let what = format!("unpacking {}: {error}", source.display());
    match error.kind() {
        io::ErrorKind::Unsupported => {
            Kind::Unsupported.error(what, "unpack it with `xz -d` and give the raw image")
        }
        _ if error.to_string() == ZSTD_TOO_BIG => Kind::Unsupported.error(
            what,
            "unpack it with `zstd -d --long=31` and give the raw image",
        ),
        _ => Kind::Corrupt.error(what, HINT),
    }
}

/// The message of zstd's error about a window of more than 128 MiB, which has no code of its own in `std::io`.
const ZSTD_TOO_BIG: &str = "Frame requires too much memory for decoding";
