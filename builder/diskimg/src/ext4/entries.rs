//! The entries of a directory block.
//!
//! Specified in the kernel's documentation, `filesystems/ext4/directory.rst`, "Linear (Classic) Directories".

use crate::disk_structure::DiskStructure;

/// The length of an entry without its name.
const HEAD: usize = 8;
/// The least length of an entry: a name is padded to four bytes.
pub(super) const SHORTEST: usize = 12;

/// An entry of a directory.
#[derive(Debug)]
pub(super) struct DirectoryEntry<'a> {
    /// The inode; zero if the entry is unused.
    pub(super) inode: u32,
    pub(super) file_type: u8,
    pub(super) name: &'a [u8],
    /// The bytes between the name and the next entry.
    pub(super) padding: &'a [u8],
    /// The length with the name and what follows it.
    pub(super) len: usize,
}

impl DirectoryEntry<'_> {
    /// Returns what is wrong with the name, if anything.
    pub(super) fn wrong_name(&self) -> Option<&'static str> {
        if self.name.is_empty() {
            Some("an empty name")
        } else if matches!(self.name, b"." | b"..") {
            Some("another `.` or `..`")
        } else if self.name.iter().any(|byte| matches!(byte, 0 | b'/')) {
            Some("a name that contains a zero byte or `/`")
        } else {
            None
        }
    }
}

/// Returns the entries of a block, or nothing if one of them is not inside the block.
pub(super) fn entries(block: &[u8]) -> Option<Vec<DirectoryEntry<'_>>> {
    let mut found = vec![];
    let mut rest = block;
    while !rest.is_empty() {
        let head = DiskStructure::<HEAD>(*rest.first_chunk()?);
        let len = usize::from(head.u16::<4>());
        if len < SHORTEST || !len.is_multiple_of(4) {
            return None;
        }
        let (entry, after) = rest.split_at_checked(len)?;
        let (_, name) = entry.split_at_checked(HEAD)?;
        let (name, padding) = name.split_at_checked(head.u8::<6>().into())?;
        found.push(DirectoryEntry {
            inode: head.u32::<0>(),
            file_type: head.u8::<7>(),
            name,
            padding,
            len,
        });
        rest = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::entries;

    fn entry(inode: u8, len: u8, name_len: u8) -> Vec<u8> {
        let mut bytes = vec![0; len.into()];
        (bytes[0], bytes[4], bytes[6]) = (inode, len, name_len);
        bytes
    }

    #[test]
    fn the_entries_fill_the_block() {
        let block = [entry(12, 12, 4), entry(0, 20, 0)].concat();
        let found: Vec<_> = entries(&block).unwrap();
        let lengths: Vec<_> = found
            .iter()
            .map(|entry| (entry.inode, entry.name.len(), entry.padding.len()))
            .collect();
        assert_eq!(lengths, [(12, 4, 0), (0, 0, 12)]);
    }

    #[test]
    fn an_entry_that_is_not_inside_its_block_is_none() {
        let mut long = entry(12, 12, 4);
        long[4] = 16;
        let mut odd = entry(12, 16, 4);
        odd[4] = 14;
        let short = vec![1, 0, 0, 0, 8, 0, 0, 0];
        for block in [long, odd, short, entry(12, 12, 5), vec![0; 12], vec![0; 4]] {
            assert!(entries(&block).is_none(), "{block:?}");
        }
    }
}
