//! One block of an xz stream, with its sizes in its header, so that decoders can work on several blocks at once.

use anyhow::{Context as _, Result, ensure};
use liblzma::stream::{Action, Check, Filters, LzmaOptions, MtStreamBuilder, Status};

use super::BLOCK;

/// The size of a stream's header, and that of its footer.
pub(super) const HEADER: usize = 12;
/// The size of the checksum at the end of each block, a CRC64.
const CHECK: u64 = 8;

/// The size of a compressed block at most: incompressible bytes grow by a few.
const MOST_BYTES: usize = BLOCK + (64 << 10);

/// The smallest dictionary of LZMA2.
const LEAST_DICTIONARY: usize = 4096;

/// A block with its padding.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct XzBlock {
    bytes: Vec<u8>,
}

/// The sizes of a block that the index of its stream lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    /// Size of the block without its padding.
    pub(super) unpadded: u64,
    /// Size of its content.
    pub(super) content: u64,
}

impl XzBlock {
    /// Compresses bytes as the only block of a stream, and takes the block out of the stream.
    pub(super) fn encode(content: &[u8], preset: u32) -> Result<Self> {
        let stream = stream(content, preset)?;
        let footer = stream.len() - HEADER;
        // The footer has a CRC32, then the size of the index in multiples of four bytes, less one.
        let words = stream
            .get(footer + 4..footer + 8)
            .and_then(|it| it.try_into().ok());
        let words = words
            .map(u32::from_le_bytes)
            .context("an xz stream has a footer")?;
        let index = (usize::try_from(words)? + 1) * 4;
        let bytes = stream.get(HEADER..footer - index);
        Ok(Self {
            bytes: bytes.context("an xz stream has an index")?.to_vec(),
        })
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Sizes {
    /// Reads the sizes in the header of a block: its length in words less one, flags, compressed size, content's size.
    pub(super) fn read(block: &[u8]) -> Result<Self> {
        const BOTH_SIZES: u8 = 0xc0;
        let (header, rest) = block.split_first().context("a block is not empty")?;
        let (flags, rest) = rest.split_first().context("a block has flags")?;
        ensure!(flags & BOTH_SIZES == BOTH_SIZES, "a block states its sizes");
        let (compressed, rest) = multibyte_integer(rest)?;
        let (content, _) = multibyte_integer(rest)?;
        let unpadded = (u64::from(*header) + 1) * 4 + compressed + CHECK;
        ensure!(
            unpadded.next_multiple_of(4) == u64::try_from(block.len())?,
            "a block is as long as its header says"
        );
        Ok(Self { unpadded, content })
    }
}

/// Reads a number: seven bits in each byte, the lowest first; the highest bit says that another byte follows.
fn multibyte_integer(bytes: &[u8]) -> Result<(u64, &[u8])> {
    let mut value = 0;
    for (position, byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            return Ok((value, &bytes[position + 1..]));
        }
    }
    anyhow::bail!("a number of xz ends within nine bytes")
}

/// Compresses bytes to a stream of one block. Only the encoder for several threads states sizes in headers.
fn stream(content: &[u8], preset: u32) -> Result<Vec<u8>> {
    let mut options = LzmaOptions::new_preset(preset)?;
    // A larger dictionary than the block has no use, and its tables take time to prepare.
    let dictionary = content.len().next_power_of_two().max(LEAST_DICTIONARY);
    options.dict_size(u32::try_from(dictionary)?);
    let mut filters = Filters::new();
    filters.lzma2(&options);
    let mut builder = MtStreamBuilder::new();
    builder.threads(1).block_size(u64::try_from(BLOCK)?);
    let mut encoder = builder.filters(filters).check(Check::Crc64).encoder()?;
    let mut stream = Vec::with_capacity(MOST_BYTES);
    let mut rest = content;
    loop {
        let before = encoder.total_in();
        let status = encoder.process_vec(rest, &mut stream, Action::Finish)?;
        rest = &rest[usize::try_from(encoder.total_in() - before)?..];
        match status {
            Status::StreamEnd => return Ok(stream),
            _ if stream.len() == stream.capacity() => stream.reserve(MOST_BYTES),
            _ => {}
        }
    }
}
