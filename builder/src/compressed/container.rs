//! Joins compressed blocks to one file.

use std::io::Write;

use anyhow::Result;

use super::encode::Compression;
use super::xz_block::Sizes;
use super::xz_index;

/// A compressed image that is being written.
#[derive(Debug)]
pub(crate) struct Container<W> {
    target: W,
    compression: Compression,
    /// The blocks so far, for the index of xz.
    blocks: Vec<Sizes>,
}

impl<W: Write> Container<W> {
    /// Begins a file.
    pub(crate) fn new(compression: Compression, mut target: W) -> Result<Self> {
        if compression == Compression::Xz {
            target.write_all(&xz_index::header())?;
        }
        Ok(Self {
            target,
            compression,
            blocks: Vec::new(),
        })
    }

    /// Appends a block that [`encode`](super::encode()) returned.
    pub(crate) fn push(&mut self, block: &[u8]) -> Result<()> {
        if self.compression == Compression::Xz {
            self.blocks.push(Sizes::read(block)?);
        }
        Ok(self.target.write_all(block)?)
    }

    /// Ends the file.
    pub(crate) fn finish(mut self) -> Result<W> {
        if self.compression == Compression::Xz {
            let end = xz_index::index_and_footer(&self.blocks);
            self.target.write_all(&end)?;
        }
        Ok(self.target)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;
    use crate::compressed::{BLOCK, encode};

    /// Returns three blocks: text, zeros, and a short one that cannot be compressed.
    fn blocks() -> Vec<Vec<u8>> {
        let text = (0..BLOCK).map(|at| b"some words "[at % 11]).collect();
        let mut state = 1_u32;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        });
        vec![text, vec![0; BLOCK], noise.take(70_000).collect()]
    }

    fn packed(compression: Compression) -> Vec<u8> {
        let mut container = Container::new(compression, Vec::new()).unwrap();
        for block in blocks() {
            container
                .push(&encode(compression, &block).unwrap())
                .unwrap();
        }
        container.finish().unwrap()
    }

    /// Unpacks with a library.
    fn unpacked(compression: Compression, bytes: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        let read = match compression {
            Compression::Xz => liblzma::read::XzDecoder::new(bytes).read_to_end(&mut all),
            Compression::Zstd => zstd::Decoder::new(bytes).unwrap().read_to_end(&mut all),
            Compression::Gzip => flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut all),
        };
        read.unwrap();
        all
    }

    #[test]
    fn libraries_read_every_container() {
        for compression in [Compression::Xz, Compression::Zstd, Compression::Gzip] {
            let once = packed(compression);
            assert!(
                unpacked(compression, &once) == blocks().concat(),
                "{compression:?}"
            );
            assert!(packed(compression) == once, "{compression:?}");
        }
    }

    #[test]
    fn a_block_of_another_length_than_its_header_says_is_refused() {
        let mut block = encode(Compression::Xz, b"words").unwrap();
        block.extend([0; 4]);
        let mut container = Container::new(Compression::Xz, Vec::new()).unwrap();
        let error = container.push(&block).unwrap_err();
        assert_eq!(error.to_string(), "a block is as long as its header says");
    }

    #[test]
    fn the_index_of_xz_lists_every_block() {
        let stream = packed(Compression::Xz);
        let index = xz_index::index_and_footer(&[]);
        assert_eq!(index.len(), 8 + 12);
        // The number of blocks follows the first byte of the index.
        let words = u32::from_le_bytes(stream[stream.len() - 8..][..4].try_into().unwrap());
        let start = stream.len() - 12 - (words as usize + 1) * 4;
        assert_eq!(stream[start..start + 2], [0, 3]);
    }
}
