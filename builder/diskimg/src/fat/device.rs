//! Storage as the block device of `hadris-fat`.

use std::sync::Arc;

use hadris_fs::Error as FsError;
use hadris_io::ErrorType;
use hadris_storage::sync::BlockDevice;
use hadris_storage::{BlockIndex, BlockSize};

use crate::error::StorageError;
use crate::storage::Storage;
use crate::units::Sectors;

/// The storage in blocks of 512 bytes.
#[derive(Debug)]
pub(super) struct FatDevice {
    storage: Arc<dyn Storage>,
}

impl FatDevice {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage }
    }
}

impl ErrorType for FatDevice {
    type Error = crate::Error;
}

impl BlockDevice for FatDevice {
    fn block_size(&self) -> BlockSize {
        const {
            match BlockSize::new(512) {
                Some(size) => size,
                None => unreachable!(),
            }
        }
    }

    fn block_count(&self) -> u64 {
        self.storage.size() >> 9
    }

    fn writable(&self) -> bool {
        true
    }

    fn read_blocks(
        &mut self,
        first: BlockIndex,
        buf: &mut [u8],
    ) -> Result<(), FsError<crate::Error>> {
        let read = offset(first).and_then(|offset| self.storage.read_at(offset, buf));
        read.map_err(|error| FsError::device(error, "reading the image"))
    }

    fn write_blocks(
        &mut self,
        first: BlockIndex,
        bytes: &[u8],
    ) -> Result<(), FsError<crate::Error>> {
        let written = offset(first).and_then(|offset| self.storage.write_at(offset, bytes));
        written.map_err(|error| FsError::device(error, "writing the image"))
    }
}

fn offset(block: BlockIndex) -> crate::Result<u64> {
    let sector = block.get();
    let offset = sector.checked_mul(Sectors::SIZE);
    Ok(offset.ok_or(StorageError::NoSector { sector })?)
}
