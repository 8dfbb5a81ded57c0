//! Checks the volume label, which is in the root directory and, as a copy, in the boot sector.
//!
//! Specified in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103), "Boot Sector and BPB" and "FAT
//! Directory Structure".

use super::entry::{EntryContent, FatDirectoryEntry, structure};
use crate::error::Result;

/// Characters that no label contains.
const FORBIDDEN: &[u8] = b"\"*+,./:;<=>?[\\]|";
/// The boot sector's label of a volume without one.
const NONE: [u8; 11] = *b"NO NAME    ";

/// Checks that the boot sector contains the label of the root directory with these entries. `None` is a boot sector
/// without a label.
pub(super) fn compare(boot: Option<[u8; 11]>, root: &[[u8; 32]]) -> Result<()> {
    let entries = root.iter().map(FatDirectoryEntry::from_bytes);
    let mut used = entries.take_while(|entry| entry.content() != EntryContent::End);
    let root = used.find(|entry| entry.content() == EntryContent::Label);
    let root = root.map_or(NONE, |label| label.name());
    if boot == Some(root) {
        return Ok(());
    }
    let [boot, root] = [boot.unwrap_or_default(), root].map(|label| {
        let label = String::from_utf8_lossy(&label).into_owned();
        label
            .trim_end_matches(['\0', ' '])
            .escape_debug()
            .to_string()
    });
    let reason =
        format!("the label is `{root}`, but `{boot}` in the boot sector; `fatlabel` sets both");
    Err(structure("", "", &reason))
}

/// Returns whether a label has only valid characters and does not start with a space.
pub(super) fn is_valid(label: [u8; 11]) -> bool {
    let forbidden = |byte: &u8| *byte < b' ' || !byte.is_ascii() || FORBIDDEN.contains(byte);
    label.first() != Some(&b' ') && !label.iter().any(forbidden)
}

#[cfg(test)]
mod tests {
    use super::{compare, is_valid};
    use crate::error::{Corrupt, Error};

    fn label(name: &[u8; 11]) -> [u8; 32] {
        let mut entry = [0; 32];
        entry[..11].copy_from_slice(name);
        entry[11] = 8;
        entry
    }

    #[test]
    fn the_boot_sector_repeats_the_label() {
        let root = [label(b"bootfs     ")];
        assert_eq!(compare(Some(*b"bootfs     "), &root), Ok(()));
        assert_eq!(compare(Some(*b"NO NAME    "), &[]), Ok(()));
        let error = |reason: &str| {
            let (path, reason) = ("/".to_owned(), reason.to_owned());
            Err(Error::Corrupt(Corrupt::Structure { path, reason }))
        };
        assert_eq!(
            compare(Some(*b"BOOTFS     "), &root),
            error("the label is `bootfs`, but `BOOTFS` in the boot sector; `fatlabel` sets both")
        );
        assert_eq!(
            compare(None, &root),
            error("the label is `bootfs`, but `` in the boot sector; `fatlabel` sets both")
        );
        let removed = [[0xE5; 32]];
        assert_eq!(
            compare(Some(*b"bootfs     "), &removed),
            error("the label is `NO NAME`, but `bootfs` in the boot sector; `fatlabel` sets both")
        );
    }

    #[test]
    fn characters_of_a_label() {
        assert!(is_valid(*b"boot fs-1~ "));
        for wrong in [
            b" bootfs    ",
            b"boot\xFFs     ",
            b"boot.fs    ",
            b"boot\0\0\0\0\0\0\0",
        ] {
            assert!(!is_valid(*wrong), "{wrong:?}");
        }
    }
}
