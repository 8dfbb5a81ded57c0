//! The changed blocks of a copy-on-write storage.

use std::collections::BTreeMap;

use super::block::Block;
use super::shared::SharedBlock;

/// The changed blocks. The last block of the storage may be shorter than the others.
pub(super) type Changes = BTreeMap<Block, Changed>;

/// The new bytes of a block.
#[derive(Debug)]
pub(super) enum Changed {
    /// Bytes of this storage alone.
    Own(Box<[u8]>),
    /// Bytes that several storages refer to.
    Shared(SharedBlock),
}

impl Changed {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(block) => block.bytes(),
        }
    }
}
