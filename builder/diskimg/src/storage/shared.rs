//! Contents that several copy-on-write storages have in common, held in memory once.

use std::collections::HashMap;
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

use super::block::BLOCK_LEN;
use super::part;

/// The contents of files that are written to several images.
///
/// A [`CowStorage`](super::CowStorage) refers to a 4 KiB block of these contents instead of copying it. Equal blocks are
/// recognized by their bytes, so that a library between the file and the storage need not know about it.
#[derive(Default)]
pub struct SharedContents {
    blocks: HashMap<u64, SharedBlock>,
}

/// A 4 KiB block of a shared content.
#[derive(Clone)]
pub(super) struct SharedBlock {
    content: Arc<Vec<u8>>,
    place: usize,
}

impl SharedContents {
    /// Returns an index of the whole 4 KiB blocks of these contents.
    pub fn new(contents: impl IntoIterator<Item = Arc<Vec<u8>>>) -> Self {
        let mut blocks = HashMap::new();
        for content in contents {
            let (whole, _) = content.as_chunks::<BLOCK_LEN>();
            for (bytes, place) in whole.iter().zip((0..).step_by(BLOCK_LEN)) {
                let content = content.clone();
                blocks.insert(hash(bytes), SharedBlock { content, place });
            }
        }
        Self { blocks }
    }

    /// Returns the shared block with these bytes, if there is one.
    pub(super) fn find(&self, bytes: &[u8; BLOCK_LEN]) -> Option<SharedBlock> {
        if self.blocks.is_empty() {
            return None;
        }
        // Another block may have the same hash.
        let block = self.blocks.get(&hash(bytes))?;
        (block.bytes() == bytes).then(|| block.clone())
    }
}

impl fmt::Debug for SharedContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedContents({} blocks)", self.blocks.len())
    }
}

impl fmt::Debug for SharedBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SharedBlock({} of {} bytes)",
            self.place,
            self.content.len()
        )
    }
}

impl SharedBlock {
    pub(super) fn bytes(&self) -> &[u8] {
        // The place is that of a whole block; no bytes would be reported as a block out of range.
        part(&self.content, self.place, BLOCK_LEN).unwrap_or_default()
    }
}

fn hash(bytes: &[u8; BLOCK_LEN]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::SharedContents;
    use crate::storage::{CowStorage, Memory, Storage};

    #[test]
    fn a_partial_write_changes_neither_the_content_nor_other_storages() {
        let content = Arc::new(vec![b's'; 4096]);
        let shared = Arc::new(SharedContents::new([content.clone()]));
        let storages = [(); 2].map(|()| {
            let base = Arc::new(Memory::new(vec![b'.'; 3 * 4096]));
            let storage = CowStorage::sharing(base, shared.clone());
            storage.write_at(4096, &content).unwrap();
            assert_eq!(storage.own_bytes(), 0);
            storage
        });
        storages[0].write_at(4097, b"x").unwrap();
        let read = storages.each_ref().map(|storage| {
            let mut read = [0; 5];
            storage.read_at(4094, &mut read).unwrap();
            read
        });
        assert_eq!(read, [*b"..sxs", *b"..sss"]);
        assert_eq!(storages.each_ref().map(CowStorage::own_bytes), [4096, 0]);
        assert!(content.iter().all(|byte| *byte == b's'));
        storages[0].write_at(4096, &content).unwrap();
        assert_eq!(storages[0].own_bytes(), 0);
    }
}
