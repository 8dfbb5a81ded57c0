//! Checks the entries of a directory: short names, and the long names before them.
//!
//! Both are specified in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103), "FAT Directory Structure" and
//! "FAT Long Directory Entries".

use std::collections::BTreeSet;

use crate::error::{Corrupt, Error, Result};
use crate::record::Record;

const LABEL: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
const LONG_NAME: u8 = 0x0F;
/// The bit of the last part of a long name, which comes first.
const LAST_PART: u8 = 0x40;
/// Characters that no short name contains.
const FORBIDDEN: &[u8] = b"*?<>|:/\\\x7f";

/// The parts of a long name seen so far.
struct LongName {
    /// The number of the part that comes next; zero if the short name does.
    next: u8,
    /// The checksum of the short name.
    checksum: u8,
}

/// Checks the entries of a directory, up to the first unused one.
pub(super) fn check(entries: &[[u8; 32]], folder: &str) -> Result<()> {
    let mut long = None;
    let mut names = BTreeSet::new();
    for entry in entries.iter().copied().map(Record) {
        match (entry.u8::<0>(), entry.u8::<11>()) {
            (0, _) => break,
            (0xE5, _) => {}
            (_, LONG_NAME) => long = Some(part(&entry, long.as_ref(), folder)?),
            (_, attributes) => {
                short(&entry, attributes, long.take(), folder)?;
                if attributes & LABEL == 0 && !names.insert(entry.bytes::<0, 11>()) {
                    return Err(broken(&entry, folder, "is there twice"));
                }
            }
        }
    }
    match long {
        None => Ok(()),
        Some(_) => Err(unfinished(folder)),
    }
}

/// Checks a part of a long name and adds it to those before.
fn part(entry: &Record<32>, before: Option<&LongName>, folder: &str) -> Result<LongName> {
    let (number, checksum) = (entry.u8::<0>(), entry.u8::<13>());
    let is_first = number & LAST_PART != 0;
    let number = number & !LAST_PART;
    let continues = match before {
        None => is_first,
        Some(name) => !is_first && name.next == number && name.checksum == checksum,
    };
    if !continues || !(1..=20).contains(&number) {
        return Err(unfinished(folder));
    }
    if entry.u8::<12>() != 0 || entry.u16::<26>() != 0 {
        let path = format!("{folder}/");
        let reason = "has a long name with a cluster".to_owned();
        return Err(Corrupt::Structure { path, reason }.into());
    }
    let next = number.saturating_sub(1);
    Ok(LongName { next, checksum })
}

/// Checks an entry with a short name.
fn short(entry: &Record<32>, attributes: u8, long: Option<LongName>, folder: &str) -> Result<()> {
    if long.is_some_and(|long| (long.next, long.checksum) != (0, checksum(entry.bytes::<0, 11>())))
    {
        return Err(broken(
            entry,
            folder,
            "does not belong to the long name before it",
        ));
    }
    let cluster = (entry.u16::<20>(), entry.u16::<26>());
    let is_label = attributes & LABEL != 0;
    if is_label && (cluster, entry.u32::<28>()) != ((0, 0), 0) {
        return Err(broken(entry, folder, "is a label with content"));
    }
    if attributes & DIRECTORY != 0 && entry.u32::<28>() != 0 {
        return Err(broken(entry, folder, "is a directory with a size"));
    }
    let is_dot = matches!(&entry.bytes::<0, 11>(), b".          " | b"..         ");
    match is_label || is_dot || is_valid(entry) {
        true => Ok(()),
        false => Err(broken(entry, folder, "is not a valid short name")),
    }
}

/// Returns whether a base name and an extension have only valid characters, and spaces only at their ends.
fn is_valid(entry: &Record<32>) -> bool {
    let is_padded = |part: &[u8]| {
        let mut rest = part.iter().skip_while(|byte| **byte != b' ');
        rest.all(|byte| *byte == b' ')
    };
    let name = entry.bytes::<0, 11>();
    let forbidden = |byte: &u8| *byte < b' ' || FORBIDDEN.contains(byte);
    // 0x05 stands for 0xE5, which would mark an unused entry.
    let start = usize::from(name.first() == Some(&0x05));
    !name.iter().skip(start).any(forbidden)
        && is_padded(&entry.bytes::<0, 8>())
        && is_padded(&entry.bytes::<8, 3>())
}

/// Returns the checksum that the parts of a long name contain.
fn checksum(name: [u8; 11]) -> u8 {
    name.iter()
        .fold(0, |sum: u8, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// Returns a short name as it is usually written: `README.TXT`.
pub(super) fn short_name(base: [u8; 8], extension: [u8; 3]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
    match (text(&base), text(&extension)) {
        (base, extension) if extension.is_empty() => base,
        (base, extension) => format!("{base}.{extension}"),
    }
}

fn unfinished(folder: &str) -> Error {
    let path = format!("{folder}/");
    let reason = "has an incomplete long name".to_owned();
    Corrupt::Structure { path, reason }.into()
}

fn broken(entry: &Record<32>, folder: &str, reason: &str) -> Error {
    let name = short_name(entry.bytes::<0, 8>(), entry.bytes::<8, 3>());
    let path = format!("{folder}/{name}");
    let reason = reason.to_owned();
    Corrupt::Structure { path, reason }.into()
}
