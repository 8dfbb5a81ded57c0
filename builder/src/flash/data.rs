//! etcd's data on a card, which lies behind the system at a fixed place and survives flashing.

use anyhow::Result;
use serde::Serialize;

use super::card::{CHUNK, Card};
use super::source::Source;
use crate::apply::DirectBuffer;
use crate::failure::Kind;
use crate::spec::DATA_START;

/// The least space for data in bytes, and the number of bytes that must be empty for the place to count as unused: both as in
/// `overlays/appliance/data`.
const LEAST: u64 = 128 << 20;
pub(super) const BLANK: usize = 4 << 20;
/// What a node writes into the last sector of its place while it formats it.
const UNFINISHED: &[u8] = b"etcd-node formats here";
/// The unit in which a table describes a card, and the largest unit that a card itself has.
const SECTOR: u64 = 512;
const BLOCK: u64 = 4096;
/// Where the copies of the superblock lie in which a node recognizes etcd's data: those of file systems with 1 and 4 KiB per
/// block, as in `overlays/appliance/data`. Each copy lies within one of our blocks.
const COPIES: [u64; 2] = [8 << 20, 128 << 20];
/// Bytes at the end of a card that are erased with the data: other systems keep copies of their tables there.
const TAIL: u64 = 1 << 20;

/// What happens to the data on a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataPlace {
    /// The image keeps no data on its card.
    Elsewhere,
    /// The place is empty; the node makes a file system there.
    Empty,
    /// Data of etcd is there and stays.
    Kept,
    /// The place is erased.
    Wiped,
}

/// Looks at the place of the data, and refuses a card on which the node would refuse to start.
pub(super) fn find(source: &Source, card: &Card, wipe: bool) -> Result<DataPlace> {
    let Some(start) = source.node.as_ref().and_then(|node| node.data_start) else {
        return find_left(source, card, wipe);
    };
    let path = card.path.display();
    if card.size < start.saturating_add(LEAST) {
        let message = format!(
            "{path} has {} bytes, but etcd's data begins at byte {start}",
            card.size
        );
        return Err(Kind::Usage.error(
            message,
            "use a card of 16 GB or more, or `[appliance] data` for another disk",
        ));
    }
    if wipe {
        return Ok(DataPlace::Wiped);
    }
    let mut buffer = DirectBuffer::new(BLANK);
    let bytes = buffer.first(BLANK);
    card.read(start, bytes)?;
    if is_ours(bytes) {
        return Ok(DataPlace::Kept);
    }
    if is_blank(bytes) || is_unfinished(start, card)? {
        return Ok(DataPlace::Empty);
    }
    Err(Kind::Usage.error(format!(
            "{path} holds other data at byte {start}, where etcd's data goes: the node would not start"
        ),
        "add --wipe-data if nothing on the card is needed any more",
    ))
}

/// Looks for data that this image would leave behind, because it keeps its data elsewhere, or overwrite when its root grows. If
/// every node were flashed like this, the cluster would start empty.
fn find_left(source: &Source, card: &Card, wipe: bool) -> Result<DataPlace> {
    if source.node.is_none() || card.size < DATA_START + BLANK as u64 {
        return Ok(DataPlace::Elsewhere);
    }
    let mut buffer = DirectBuffer::new(BLANK);
    let bytes = buffer.first(BLANK);
    card.read(DATA_START, bytes)?;
    match (is_ours(bytes), wipe) {
        (false, _) => Ok(DataPlace::Elsewhere),
        (true, true) => Ok(DataPlace::Wiped),
        (true, false) => Err(Kind::Usage.error(
            format!(
                "{} holds etcd's data at byte {DATA_START}, which this image does not use: its node would begin without data",
                card.path.display()
            ),
            "while a majority of the other members has the data, add --wipe-data: the node then gets it from them. Change one node at \
             a time",
        )),
    }
}

/// Erases the place of the data, so that the node finds it empty.
pub(super) fn wipe(source: &Source, card: &Card) -> Result<()> {
    let start = source.node.as_ref().and_then(|node| node.data_start);
    let start = start.unwrap_or(DATA_START);
    let end = card.size.saturating_sub(TAIL).max(start) / BLOCK * BLOCK;
    let copies = COPIES.map(|copy| (start + copy, BLOCK));
    let whole = [(start, CHUNK as u64), (end, card.size - end)];
    let places = copies.into_iter().chain(whole);
    for (offset, len) in places.filter(|(offset, len)| offset + len <= card.size) {
        card.erase(offset, usize::try_from(len.min(CHUNK as u64))?)?;
    }
    card.sync()
}

/// Returns whether the bytes begin an ext4 file system with the label of etcd's data: magic number and label are fields of the
/// superblock (`filesystems/ext4/super.rst` of the kernel's documentation).
fn is_ours(bytes: &[u8]) -> bool {
    bytes[1024 + 0x38..][..2] == [0x53, 0xEF]
        && bytes[1024 + 0x78..][..16] == *b"etcd-data\0\0\0\0\0\0\0"
}

/// Returns whether the bytes are what an erased card reads.
fn is_blank(bytes: &[u8]) -> bool {
    [0x00, 0xFF]
        .iter()
        .any(|blank| bytes.iter().all(|byte| byte == blank))
}

/// Returns whether a node was interrupted while it formatted the place. A table of this kind (MBR) describes at most 2 TiB.
fn is_unfinished(start: u64, card: &Card) -> Result<bool> {
    let end = card.size.min(u64::from(u32::MAX) * SECTOR);
    let sector = end.max(start + SECTOR) - SECTOR;
    // Whole blocks, which can be read past the page cache.
    let block = sector / BLOCK * BLOCK;
    let mut buffer = DirectBuffer::new(usize::try_from(BLOCK)?);
    let bytes = buffer.first(usize::try_from(sector + SECTOR - block)?);
    card.read(block, bytes)?;
    Ok(bytes[usize::try_from(sector - block)?..].starts_with(UNFINISHED))
}
