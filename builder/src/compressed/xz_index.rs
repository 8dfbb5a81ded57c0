//! The beginning and the end of an xz stream, around its blocks.

use flate2::Crc;

use super::xz_block::Sizes;

const MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
const FOOTER_MAGIC: [u8; 2] = *b"YZ";
/// The flags of a stream whose blocks end with a CRC64.
const FLAGS: [u8; 2] = [0, 4];

/// Returns the header of a stream.
pub(super) fn header() -> Vec<u8> {
    [&MAGIC[..], &FLAGS, &crc32(&FLAGS)].concat()
}

/// Returns the index of a stream and its footer.
pub(super) fn index_and_footer(blocks: &[Sizes]) -> Vec<u8> {
    let mut bytes = vec![0];
    put_number(&mut bytes, blocks.len() as u64);
    for block in blocks {
        put_number(&mut bytes, block.unpadded);
        put_number(&mut bytes, block.content);
    }
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes.extend(crc32(&bytes));
    let words = u32::try_from(bytes.len() / 4 - 1).unwrap_or(u32::MAX);
    let footer = [&words.to_le_bytes()[..], &FLAGS].concat();
    bytes.extend(crc32(&footer));
    bytes.extend(footer);
    bytes.extend(FOOTER_MAGIC);
    bytes
}

/// Appends a number: seven bits in each byte, the lowest first; the highest bit says that another byte follows.
fn put_number(bytes: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push((value & 0x7f) as u8);
}

fn crc32(bytes: &[u8]) -> [u8; 4] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}
