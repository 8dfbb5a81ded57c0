//! An entry of a directory.
//!
//! Specified in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103), "FAT Directory Structure".

use super::boot::FatKind;
use crate::disk_structure::DiskStructure;
use crate::error::{Corrupt, Error};

const LABEL: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
/// `ATTR_LONG_NAME`: all bits of a label and of a file that no old program touches.
const LONG_NAME: u8 = 0x0F;
/// The bit of `DIR_NTRes` with which Linux marks a short name that has no meaning.
const NO_SHORT_NAME: u8 = 0x20;

/// A directory entry of 32 bytes.
pub(super) struct FatDirectoryEntry(DiskStructure<32>);

/// What an entry describes, by its first byte and its attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryContent {
    /// Nothing, and no entry after it describes anything.
    End,
    /// A file that was removed.
    Removed,
    /// A part of the long name of the next file.
    LongName,
    /// The label of the volume.
    Label,
    /// A file or a directory.
    File,
}

impl FatDirectoryEntry {
    /// Parses an entry.
    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(DiskStructure(*bytes))
    }

    pub(super) fn record(&self) -> &DiskStructure<32> {
        &self.0
    }

    pub(super) fn content(&self) -> EntryContent {
        match (self.0.u8::<0>(), self.attributes()) {
            (0, _) => EntryContent::End,
            (0xE5, _) => EntryContent::Removed,
            (_, LONG_NAME) => EntryContent::LongName,
            (_, attributes) if attributes & LABEL != 0 => EntryContent::Label,
            _ => EntryContent::File,
        }
    }

    fn attributes(&self) -> u8 {
        self.0.u8::<11>()
    }

    pub(super) fn is_directory(&self) -> bool {
        self.attributes() & DIRECTORY != 0
    }

    /// Returns whether only a long name names the file.
    pub(super) fn has_no_short_name(&self) -> bool {
        self.0.u8::<12>() & NO_SHORT_NAME != 0
    }

    /// Returns the short name or the label, with its padding.
    pub(super) fn name(&self) -> [u8; 11] {
        self.0.bytes::<0, 11>()
    }

    /// Returns the first cluster.
    pub(super) fn cluster(&self, kind: FatKind) -> u32 {
        let high = match kind {
            FatKind::Fat16 => 0,
            FatKind::Fat32 => self.0.u16::<20>(),
        };
        (u32::from(high) << 16) | u32::from(self.0.u16::<26>())
    }

    pub(super) fn size(&self) -> u32 {
        self.0.u32::<28>()
    }

    /// Returns whether the entry names a cluster or a size.
    pub(super) fn has_content(&self) -> bool {
        (self.0.u16::<20>(), self.0.u16::<26>(), self.size()) != (0, 0, 0)
    }

    /// Returns the short name as it is usually written: `README.TXT`.
    pub(super) fn short_name(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let base = text(&self.0.bytes::<0, 8>());
        match text(&self.0.bytes::<8, 3>()) {
            extension if extension.is_empty() => base,
            extension => format!("{base}.{extension}"),
        }
    }

    /// Creates the error for this entry of a directory.
    pub(super) fn broken(&self, folder: &str, reason: &str) -> Error {
        structure(folder, &self.short_name(), reason)
    }
}

/// Creates the error for a name in a directory or, if it is empty, for the directory itself.
pub(super) fn structure(folder: &str, name: &str, reason: &str) -> Error {
    let path = format!("{folder}/{name}");
    let reason = reason.to_owned();
    Corrupt::Structure { path, reason }.into()
}
