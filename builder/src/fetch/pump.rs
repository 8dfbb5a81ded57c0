//! Moves what a decoder yields to a file: one thread decodes, another hashes and writes.
//!
//! ```text
//! file ─▶ digest ─▶ decoder ─▶ full chunks ─▶ digest ─▶ sparse file
//!                      ▲                                   │
//!                      └────────── empty chunks ◀──────────┘
//! ```

use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;

use anyhow::{Result, anyhow};
use fs_err::File;

use super::sparse::SparseWriter;
use crate::digest::{Digested, Digester};
use crate::failure::Kind;
use crate::holes::HOLE;

/// The size of one chunk, a multiple of the length of a hole.
const CHUNK: usize = 16 * HOLE;

/// The number of chunks between decoder and disk.
const CHUNKS: usize = 8;

/// Moves everything from `decoder` to `target` and returns its digest.
pub(super) fn pump(
    decoder: &mut impl Read,
    target: &File,
    explain: impl Fn(io::Error) -> anyhow::Error,
) -> Result<Digested> {
    let (full, full_chunks) = mpsc::sync_channel(CHUNKS);
    let (empty, empty_chunks) = mpsc::channel();
    thread::scope(|scope| {
        let writer = scope.spawn(move || write_chunks(target, &full_chunks, &empty));
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

fn write_chunks(
    file: &File,
    chunks: &Receiver<Vec<u8>>,
    empty: &Sender<Vec<u8>>,
) -> io::Result<Digested> {
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
