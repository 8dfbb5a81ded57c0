//! Checks the entries that hold a long name.
//!
//! Specified in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103), "FAT Long Directory Entries".

use super::entry::{FatDirectoryEntry, structure};
use crate::error::{Error, Result};

/// The bit of the last part of a long name, which comes first.
const LAST_PART: u8 = 0x40;

/// The parts of a long name seen so far.
pub(super) struct LongName {
    /// The number of the part that comes next; zero if the short name does.
    next: u8,
    /// The checksum of the short name.
    checksum: u8,
}

impl LongName {
    /// Checks a part of a long name and adds it to those before.
    pub(super) fn add(
        before: Option<&Self>,
        part: &FatDirectoryEntry,
        folder: &str,
    ) -> Result<Self> {
        let record = part.record();
        let (number, checksum) = (record.u8::<0>(), record.u8::<13>());
        let is_first = number & LAST_PART != 0;
        let number = number & !LAST_PART;
        let continues = match before {
            None => is_first,
            Some(name) => !is_first && name.next == number && name.checksum == checksum,
        };
        if !continues || !(1..=20).contains(&number) {
            return Err(unfinished(folder));
        }
        if record.u8::<12>() != 0 || record.u16::<26>() != 0 {
            return Err(structure(folder, "", "has a long name with a cluster"));
        }
        let next = number.saturating_sub(1);
        Ok(Self { next, checksum })
    }

    /// Returns whether the name is complete and belongs to this short name.
    pub(super) fn belongs_to(&self, short: [u8; 11]) -> bool {
        (self.next, self.checksum) == (0, checksum(short))
    }
}

/// Returns the checksum that the parts of a long name contain.
fn checksum(short: [u8; 11]) -> u8 {
    short
        .iter()
        .fold(0, |sum: u8, byte| sum.rotate_right(1).wrapping_add(*byte))
}

/// Creates the error for a long name without its short name.
pub(super) fn unfinished(folder: &str) -> Error {
    structure(folder, "", "has an incomplete long name")
}
