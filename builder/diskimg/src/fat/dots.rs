//! Checks `.` and `..`, with which every directory except the root begins.
//!
//! Specified in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103), "FAT Directory Structure".

use super::boot::FatKind;
use super::entry::{EntryContent, FatDirectoryEntry};
use crate::error::Result;

/// Where a directory is.
pub(super) struct DirectoryPosition<'a> {
    pub(super) path: &'a str,
    /// The first cluster of the directory.
    pub(super) own: u32,
    /// The first cluster of the directory that contains it; zero for the root.
    pub(super) parent: u32,
}

/// Checks the first two entries of a directory and returns the others.
pub(super) fn after_dots<'a>(
    entries: &'a [[u8; 32]],
    kind: FatKind,
    place: &DirectoryPosition<'_>,
) -> Result<&'a [[u8; 32]]> {
    let (first, rest) = entries.split_at_checked(2).unwrap_or((entries, &[]));
    let expected = [
        (b".          ", place.own, "is not the directory itself"),
        (b"..         ", place.parent, "is not the directory above"),
    ];
    for (entry, (name, cluster, reason)) in first
        .iter()
        .map(FatDirectoryEntry::from_bytes)
        .zip(expected)
    {
        let is_right = entry.content() == EntryContent::File
            && &entry.name() == name
            && entry.is_directory()
            && !entry.has_no_short_name()
            && (entry.cluster(kind), entry.size()) == (cluster, 0);
        if !is_right {
            return Err(entry.broken(place.path, reason));
        }
    }
    Ok(rest)
}
