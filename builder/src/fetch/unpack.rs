//! Unpacks compressed images; for xz, several threads decode.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

use anyhow::{Result, ensure};
use fs_err::File;

use super::decode::{Decoder, PackedFormat};
use super::digest::DigestReader;
use super::pump::{HINT, pump, unreadable};
use super::verified::SourceDigests;
use super::zipped;
use crate::digest::Digested;
use crate::failure::Kind;
use crate::progress::Task;

/// The largest accepted image without a published size: more than any card that nodes start from.
const LARGEST_IMAGE: u64 = if cfg!(test) { 1 << 20 } else { 64 << 30 };

/// Unpacks the whole file at `source` into `target`. `size` is the length promised for the image, if known.
///
/// Returns the digests only after the source was read to its end, even if the decoder stopped before.
pub(super) fn unpack(
    source: &Path,
    target: &File,
    size: Option<u64>,
    threads: usize,
    task: &mut dyn Task,
) -> Result<SourceDigests> {
    let limit = size.unwrap_or(LARGEST_IMAGE);
    if PackedFormat::of(File::open(source)?)? == PackedFormat::Zip {
        let seen = zipped::unpack(source, target, limit, task)?;
        return within(source, seen, size);
    }
    let file = File::open(source)?.into_file();
    task.total(file.metadata().map_or(0, |metadata| metadata.len()));
    unpack_stream((source, file), target, size, threads, task)
}

/// Unpacks a file like [`unpack`] from a reader of it. Refuses Zip archives, which are read from their end.
pub(super) fn unpack_stream(
    (source, reader): (&Path, impl Read),
    target: &File,
    size: Option<u64>,
    threads: usize,
    task: &mut dyn Task,
) -> Result<SourceDigests> {
    let limit = size.unwrap_or(LARGEST_IMAGE);
    let mut reader = BufReader::with_capacity(256 << 10, DigestReader::watched(reader, task));
    let start = reader
        .fill_buf()
        .map_err(|error| unreadable(source, error))?;
    ensure!(
        PackedFormat::sniff(start) != PackedFormat::Zip,
        "it is a Zip archive"
    );
    let mut decoder = Decoder::new(reader, threads).map_err(|error| unreadable(source, error))?;
    // One byte more shows that an image is too long.
    let mut bounded = (&mut decoder).take(limit + 1);
    let raw = pump(&mut bounded, target, |error| unreadable(source, error))?;
    let source_left = decoder.into_inner();
    // The rest of an image that is too long is read for the digest alone.
    let packed = match raw.size > limit {
        true => source_left.into_inner().drain()?,
        false => drain(source_left, source)?,
    };
    within(source, SourceDigests { packed, raw }, size)
}

/// Fails if an image is too long.
fn within(source: &Path, seen: SourceDigests, size: Option<u64>) -> Result<SourceDigests> {
    match seen.raw.size > size.unwrap_or(LARGEST_IMAGE) {
        true => Err(too_long(source, size)),
        false => Ok(seen),
    }
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
            "unpacking {}: extra data follows the compressed data (offset {position})",
            source.display()
        );
        return Err(Kind::Corrupt.error(what, HINT));
    }
    reader
        .into_inner()
        .drain()
        .map_err(|error| unreadable(source, error))
}

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
