//! An edited image in chunks of the same length.

use std::ops::Range;

use anyhow::Result;
use diskimg::{CowStorage, Storage as _};

use super::direct::{DirectBuffer, DirectFile};
use crate::compressed::BLOCK;
use crate::holes;

/// Bytes that are read, hashed and written at a time; also the length of a compressed block.
pub(super) const CHUNK: usize = BLOCK;
/// The content of a hole, one chunk long.
static ZEROES: [u8; CHUNK] = [0; CHUNK];

/// An edited image, and which parts of its base are not holes.
#[derive(Debug)]
pub(super) struct EditedImage<'a> {
    pub(super) storage: &'a CowStorage,
    pub(super) data: Vec<Range<u64>>,
}

/// Some bytes of the edited image.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chunk {
    pub(super) offset: u64,
    pub(super) len: usize,
    /// Whether this is a hole of the base that no edit touches.
    pub(super) is_hole: bool,
}

impl EditedImage<'_> {
    /// Splits the image into chunks, from the first to the last byte.
    pub(super) fn chunks(&self) -> impl Iterator<Item = Chunk> {
        let size = self.storage.size();
        let starts = (0..size).step_by(CHUNK);
        starts.map(move |offset| {
            let end = size.min(offset + CHUNK as u64);
            Chunk {
                offset,
                len: usize::try_from(end - offset).unwrap_or(CHUNK),
                is_hole: self.is_hole(offset..end),
            }
        })
    }

    /// Returns whether the range is a hole of the base that no edit touches.
    fn is_hole(&self, range: Range<u64>) -> bool {
        let next = self.data.partition_point(|part| part.end <= range.start);
        let in_data = self.data.get(next);
        let in_data = in_data.is_some_and(|part| part.start < range.end);
        !in_data && !self.storage.is_changed(range)
    }
}

impl Chunk {
    /// Returns the bytes; a known hole is not read.
    pub(super) fn read<'a>(
        &self,
        image: &EditedImage<'_>,
        buffer: &'a mut DirectBuffer,
    ) -> Result<&'a [u8]> {
        if self.is_hole {
            return Ok(self.zeroes());
        }
        let bytes = buffer.first(self.len);
        image.storage.read_at(self.offset, bytes)?;
        Ok(bytes)
    }

    /// Returns as many zeros as the chunk has bytes.
    pub(super) fn zeroes(&self) -> &'static [u8] {
        &ZEROES[..self.len]
    }

    pub(super) fn range(&self) -> Range<u64> {
        self.offset..self.offset + self.len as u64
    }

    pub(super) fn write(&self, bytes: &[u8], file: &mut DirectFile<'_>) -> Result<()> {
        for part in holes::data(bytes) {
            let at = self.offset + u64::try_from(part.start)?;
            file.write_at(at, &bytes[part])?;
        }
        Ok(())
    }
}
