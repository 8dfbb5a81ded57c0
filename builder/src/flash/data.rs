//! etcd's data on a card, which lies behind the system at a fixed place and survives flashing.

use anyhow::Result;
use serde::Serialize;

use super::card::{CHUNK, Card};
use super::source::Source;
use crate::apply::DirectBuffer;
use crate::failure::Kind;
use crate::shell;
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
/// The label of etcd's data, and the same as a field of the superblock.
const LABEL: &[u8] = b"etcd-data";
const OURS: &[u8; 16] = b"etcd-data\0\0\0\0\0\0\0";
/// The label of etcd's data that a user has left behind, as in `overlays/identity/other_data`.
const LEFT: &[u8; 16] = b"etcd-data-left\0\0";
/// Where the first superblock lies.
const FIRST: usize = 1024;
/// Where the copies of the superblock lie in which a node recognizes etcd's data: those of file systems with 1 and 4 KiB per
/// block, as in `overlays/appliance/data`. Each copy lies within one of our blocks.
const COPIES: [u64; 2] = [8 << 20, 128 << 20];
/// Where a copy lies within its block, and the options that make e2fsck use it.
const IN_BLOCK: [(usize, &str); 2] = [(1024, "-b 8193 -B 1024"), (0, "-b 32768 -B 4096")];
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

/// What lies in a place of data.
enum Found {
    /// Data of etcd.
    Data,
    /// Data of etcd whose beginning is damaged, and the options that make e2fsck repair it.
    Damaged(&'static str),
    /// Nothing, or what a node was interrupted in formatting.
    Nothing,
    /// Anything else, such as data that a user has left behind.
    Other,
}

/// Looks at the place of the data, and refuses a card on which the node would refuse to start, or which has data of etcd that
/// would be lost.
pub(super) fn find(source: &Source, card: &Card, wipe: bool) -> Result<DataPlace> {
    if !wipe {
        refuse_data_disk(card)?;
    }
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
    if source.map.last().is_some_and(|last| last.end > start) {
        let message = format!(
            "{} reaches beyond byte {start}, where etcd's data begins: it would overwrite the data",
            source.path.display()
        );
        let hint =
            "flash the image as `build` wrote it; an enlarged copy, as for QEMU, is not for cards";
        return Err(Kind::Usage.error(message, hint));
    }
    if wipe {
        return Ok(DataPlace::Wiped);
    }
    match look(start, card)? {
        Found::Data => Ok(DataPlace::Kept),
        Found::Nothing => Ok(DataPlace::Empty),
        Found::Damaged(copy) => Err(is_damaged(start, card, copy)),
        Found::Other => Err(Kind::Usage.error(
            format!("{path} holds other data at byte {start}, where etcd's data goes: the node would not start"),
            "add `--wipe-data` if nothing on the card is needed any more",
        )),
    }
}

/// Looks for data that this image would leave behind, because it keeps its data elsewhere or is no node, or overwrite when its
/// root grows. If every node were flashed like this, the cluster would start empty.
fn find_left(source: &Source, card: &Card, wipe: bool) -> Result<DataPlace> {
    if card.size < DATA_START + BLANK as u64 {
        return Ok(DataPlace::Elsewhere);
    }
    match (look(DATA_START, card)?, wipe) {
        (Found::Nothing | Found::Other, _) => Ok(DataPlace::Elsewhere),
        (Found::Data | Found::Damaged(_), true) => Ok(DataPlace::Wiped),
        (Found::Damaged(copy), false) => Err(is_damaged(DATA_START, card, copy)),
        (Found::Data, false) => Err(is_left(source, card)),
    }
}

/// Refuses a disk that holds nothing but data of etcd, as `[appliance] data` lets a node use one. The image would overwrite it.
fn refuse_data_disk(card: &Card) -> Result<()> {
    let mut buffer = DirectBuffer::new(usize::try_from(BLOCK)?);
    let bytes = buffer.first(usize::try_from(BLOCK.min(card.size))?);
    card.read(0, bytes)?;
    match has_label(bytes, OURS) {
        false => Ok(()),
        true => Err(Kind::Usage.error(
            format!(
                "{} is a disk with etcd's data, not a card",
                card.path.display()
            ),
            "use another card, or add `--wipe-data` if nobody needs the data",
        )),
    }
}

/// Looks at a place of data as `overlays/appliance/data` does. What has the label of etcd's data counts as data in any case.
fn look(start: u64, card: &Card) -> Result<Found> {
    let mut buffer = DirectBuffer::new(BLANK);
    let bytes = buffer.first(BLANK);
    card.read(start, bytes)?;
    if has_label(bytes, OURS) {
        return Ok(Found::Data);
    }
    if is_unfinished(start, card)? {
        return Ok(Found::Nothing);
    }
    if has_label(bytes, LEFT) {
        return Ok(Found::Other);
    }
    if let Some(copy) = remains(bytes, start, card)? {
        return Ok(Found::Damaged(copy));
    }
    Ok(match is_blank(bytes) {
        true => Found::Nothing,
        false => Found::Other,
    })
}

/// Explains that a card has data that the image would leave behind.
fn is_left(source: &Source, card: &Card) -> anyhow::Error {
    let holds = format!(
        "{} holds etcd's data at byte {DATA_START}",
        card.path.display()
    );
    match &source.node {
        Some(_) => Kind::Usage.error(
            format!("{holds}, which this image does not use: its node would begin without data"),
            "while a majority of the other members has the data, add `--wipe-data`: the node then gets it from them. Change one node at \
             a time",
        ),
        None => Kind::Usage.error(
            format!("{holds}, but {} is not an image of a node", source.path.display()),
            "use another card, or add `--wipe-data` if nobody needs the data",
        ),
    }
}

/// Explains that the data on a card has to be repaired first.
fn is_damaged(start: u64, card: &Card, copy: &str) -> anyhow::Error {
    let path = card.path.display();
    let place = shell::word(&format!("{path}?offset={start}"));
    Kind::Usage.error(
        format!("{path} holds etcd's data at byte {start}, whose beginning is damaged"),
        format!(
            "repair it (`sudo e2fsck {copy} {place}`), or add `--wipe-data` if nobody needs it"
        ),
    )
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

/// Returns whether the bytes begin an ext4 file system with this label: magic number and label are fields of the superblock
/// (`filesystems/ext4/super.rst` of the kernel's documentation).
fn has_label(bytes: &[u8], label: &[u8; 16]) -> bool {
    let is_at = |field: usize, wanted: &[u8]| {
        let found = bytes.get(FIRST + field..);
        found.is_some_and(|found| found.starts_with(wanted))
    };
    is_at(0x38, &[0x53, 0xEF]) && is_at(0x78, label)
}

/// Looks for a superblock that names etcd's data although none begins there, and returns the options that make e2fsck use it.
fn remains(bytes: &[u8], start: u64, card: &Card) -> Result<Option<&'static str>> {
    let names_data = |block: &[u8], at: usize| block[at + 0x78..].starts_with(LABEL);
    let mut buffer = DirectBuffer::new(usize::try_from(BLOCK)?);
    let block = buffer.first(usize::try_from(BLOCK)?);
    for (copy, (at, options)) in COPIES.into_iter().zip(IN_BLOCK) {
        if start + copy + BLOCK <= card.size {
            card.read(start + copy, block)?;
            if names_data(block, at) {
                return Ok(Some(options));
            }
        }
    }
    let [.., (_, options)] = IN_BLOCK;
    Ok(names_data(bytes, FIRST).then_some(options))
}

/// Returns whether the bytes are what an erased card reads.
fn is_blank(bytes: &[u8]) -> bool {
    [0x00, 0xFF]
        .iter()
        .any(|blank| bytes.iter().all(|byte| byte == blank))
}

/// Returns whether a node was interrupted while it formatted the place. A table of this kind (MBR) describes at most 2 TiB.
fn is_unfinished(start: u64, card: &Card) -> Result<bool> {
    // A file in the place of a card may end within a sector.
    let end = card.size.min(u64::from(u32::MAX) * SECTOR) / SECTOR * SECTOR;
    let sector = end.max(start + SECTOR) - SECTOR;
    // Whole blocks, which can be read past the page cache.
    let block = sector / BLOCK * BLOCK;
    let mut buffer = DirectBuffer::new(usize::try_from(BLOCK)?);
    let bytes = buffer.first(usize::try_from(sector + SECTOR - block)?);
    card.read(block, bytes)?;
    Ok(bytes[usize::try_from(sector - block)?..].starts_with(UNFINISHED))
}
