//! Storage as the block device of `hadris-fat`.

use std::sync::Arc;

use hadris_fs::Error as FsError;
use hadris_io::ErrorType;
use hadris_storage::sync::BlockDevice;
use hadris_storage::{BlockIndex, BlockSize};

use super::boot::SECTOR;
use crate::storage::Storage;

/// The storage in blocks of 512 bytes.
#[derive(Debug)]
pub(super) struct Device {
    storage: Arc<dyn Storage>,
}

impl Device {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage }
    }
}

impl ErrorType for Device {
    type Error = crate::Error;
}

impl BlockDevice for Device {
    fn block_size(&self) -> BlockSize {
        const {
            match BlockSize::new(512) {
                Some(size) => size,
                None => unreachable!(),
            }
        }
    }

    fn block_count(&self) -> u64 {
        self.storage.size().checked_div(SECTOR).unwrap_or(0)
    }

    fn writable(&self) -> bool {
        true
    }

    fn read_blocks(
        &mut self,
        first: BlockIndex,
        buf: &mut [u8],
    ) -> Result<(), FsError<crate::Error>> {
        let offset = first.get().saturating_mul(SECTOR);
        let read = self.storage.read_at(offset, buf);
        read.map_err(|error| FsError::device(error, "reading the image"))
    }

    fn write_blocks(
        &mut self,
        first: BlockIndex,
        bytes: &[u8],
    ) -> Result<(), FsError<crate::Error>> {
        let offset = first.get().saturating_mul(SECTOR);
        let written = self.storage.write_at(offset, bytes);
        written.map_err(|error| FsError::device(error, "writing the image"))
    }
}
