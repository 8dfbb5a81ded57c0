//! An edited image in chunks of the same length.

use std::fs::File;
use std::ops::Range;

use anyhow::Result;
use diskimg::{CowStorage, Storage as _};

use super::direct::{DirectBuffer, DirectFile};
use crate::compressed::BLOCK;
use crate::holes;

/// Bytes that are read, hashed and written at a time; also the length of a compressed block.
pub(super) const CHUNK: usize = BLOCK;
/// The smallest part of a chunk that is compressed separately because a node has it alone.
const PART: usize = 64 << 10;
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

    /// Splits the image for compression: a chunk is cut where it changes between bytes that nodes share and bytes that this
    /// node has alone, so that little is compressed for each node.
    pub(super) fn blocks(&self) -> Vec<ChunkGroup> {
        let mut blocks: Vec<ChunkGroup> = Vec::new();
        for chunk in self.chunks() {
            let is_own = |part: &Chunk| self.storage.has_own_changes(part.range());
            if !is_own(&chunk) {
                blocks.push(ChunkGroup::shared(chunk));
                continue;
            }
            let first = blocks.len();
            for part in chunk.parts() {
                let is_own = is_own(&part);
                match blocks[first..].last_mut() {
                    Some(last) if last.is_own == is_own => last.chunk.len += part.len,
                    _ => blocks.push(ChunkGroup {
                        chunk: part,
                        is_own,
                    }),
                }
            }
        }
        blocks
    }

    /// Returns whether the range is a hole of the base that no edit touches.
    fn is_hole(&self, range: Range<u64>) -> bool {
        let next = self.data.partition_point(|part| part.end <= range.start);
        let in_data = self.data.get(next);
        let in_data = in_data.is_some_and(|part| part.start < range.end);
        !in_data && !self.storage.is_changed(range)
    }
}

/// A chunk, or some of its parts, that are compressed together.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkGroup {
    pub(super) chunk: Chunk,
    /// Whether the node may have these bytes alone; they may be secret.
    pub(super) is_own: bool,
}

impl ChunkGroup {
    fn shared(chunk: Chunk) -> Self {
        Self {
            chunk,
            is_own: false,
        }
    }
}

impl Chunk {
    /// Splits a chunk that is not a hole.
    fn parts(self) -> impl Iterator<Item = Self> {
        let starts = (0..self.len).step_by(PART);
        starts.map(move |start| Self {
            offset: self.offset + start as u64,
            len: PART.min(self.len - start),
            is_hole: false,
        })
    }

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

    pub(super) fn write(&self, bytes: &[u8], file: &DirectFile<&File>) -> Result<()> {
        for part in holes::data(bytes) {
            let at = self.offset + u64::try_from(part.start)?;
            file.write_at(at, &bytes[part])?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use diskimg::Memory;

    use super::*;

    #[test]
    fn what_a_node_has_alone_is_a_block_of_its_own() {
        let base = Arc::new(Memory::new(vec![1; 2 * CHUNK + PART + 5]));
        let storage = CowStorage::new(base);
        let last = (2 * CHUNK + PART) as u64;
        for place in [(CHUNK + 2 * PART) as u64, (CHUNK + 3 * PART) as u64, last] {
            storage.write_at(place, b"own").unwrap();
        }
        let size = storage.size();
        let image = EditedImage {
            storage: &storage,
            data: std::iter::once(0..size).collect(),
        };
        let found: Vec<_> = image
            .blocks()
            .iter()
            .map(|block| (block.chunk.offset, block.chunk.len, block.is_own))
            .collect();
        let (chunk, two) = (CHUNK as u64, 2 * PART);
        let after = CHUNK - 2 * two;
        let expected = [
            (0, CHUNK, false),
            (chunk, two, false),
            (chunk + two as u64, two, true),
            (chunk + 2 * two as u64, after, false),
            (2 * chunk, PART, false),
            (last, 5, true),
        ];
        assert_eq!(found, expected);
    }
}
