//! Checks the entries of a directory: short names, labels, and the order of all entries.
//!
//! Specified in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103), "FAT Directory Structure".

use std::collections::BTreeSet;

use super::entry::{EntryContent, FatDirectoryEntry, structure};
use super::labels;
use super::long_names::{LongName, unfinished};
use crate::error::Result;

/// Characters that no short name contains. The dot before the extension is not stored.
const FORBIDDEN: &[u8] = b"\"*./:<>?\\|\x7f";

/// Checks the entries of a directory after `.` and `..`.
pub(super) fn check(entries: &[[u8; 32]], folder: &str) -> Result<()> {
    let mut long = None;
    let mut names = BTreeSet::new();
    let mut entries = entries.iter().map(FatDirectoryEntry::from_bytes);
    for entry in entries.by_ref() {
        match entry.content() {
            EntryContent::End => break,
            EntryContent::Removed if long.is_some() => return Err(unfinished(folder)),
            EntryContent::Removed => {}
            EntryContent::LongName => long = Some(LongName::add(long.as_ref(), &entry, folder)?),
            EntryContent::Label => check_label(&entry, long.take().as_ref(), folder)?,
            EntryContent::File => {
                check_file(&entry, long.take(), folder)?;
                if !names.insert(entry.name()) {
                    return Err(entry.broken(folder, "is there twice"));
                }
            }
        }
    }
    if long.is_some() {
        return Err(unfinished(folder));
    }
    match entries.all(|entry| matches!(entry.content(), EntryContent::End | EntryContent::Removed))
    {
        true => Ok(()),
        false => Err(structure(folder, "", "has entries behind its end")),
    }
}

fn check_label(entry: &FatDirectoryEntry, long: Option<&LongName>, folder: &str) -> Result<()> {
    let reason = if long.is_some() {
        "is a label with a long name"
    } else if entry.has_content() {
        "is a label with content"
    } else if entry.is_directory() {
        "is both a label and a directory"
    } else if !labels::is_valid(entry.name()) {
        "is not a valid label"
    } else {
        return Ok(());
    };
    Err(entry.broken(folder, reason))
}

fn check_file(entry: &FatDirectoryEntry, long: Option<LongName>, folder: &str) -> Result<()> {
    let reason = if entry.has_no_short_name() && long.is_none() {
        "has neither a short nor a long name"
    } else if long.is_some_and(|long| !long.belongs_to(entry.name())) {
        "does not belong to the long name before it"
    } else if entry.is_directory() && entry.size() != 0 {
        "is a directory with a size"
    } else if !is_valid(entry.name()) {
        "is not a valid short name"
    } else {
        return Ok(());
    };
    Err(entry.broken(folder, reason))
}

/// Returns whether a short name has only valid characters and does not start with a space.
fn is_valid(name: [u8; 11]) -> bool {
    let forbidden = |byte: &u8| *byte < b' ' || FORBIDDEN.contains(byte);
    // 0x05 stands for 0xE5, which would mark an unused entry.
    let start = usize::from(name.first() == Some(&0x05));
    name.first() != Some(&b' ') && !name.iter().skip(start).any(forbidden)
}
