//! Checks of a whole file system that take too long to repeat before every edit.

use std::sync::{Arc, OnceLock};

use crate::error::{Error, Result, StorageError};
use crate::storage::Storage;
use crate::table::{Partition, PartitionKind};
use crate::{ext4, fat};

/// Checks that the allocation maps of a partition of `image` agree with its files and directories.
///
/// This finds what [`fat::gate`] and [`ext4::gate`] cannot see: a FAT whose copies differ or that describes other
/// clusters than the files have, and an ext4 whose bitmaps, free counts, link counts or directories contradict each
/// other. It reads every directory, but not the contents of files. A partition of [`PartitionKind::Other`] is not
/// checked.
///
/// # Errors
///
/// [`Corrupt`](crate::Corrupt) names the first contradiction. [`StorageError`] means that the system could not read the
/// image, which says nothing about its content.
pub fn audit(partition: &Partition, image: &Arc<dyn Storage>) -> Result<()> {
    let watched = Arc::new(Watched {
        inner: Arc::clone(image),
        failure: OnceLock::new(),
    });
    let storage: Arc<dyn Storage> = watched.clone();
    let window = Arc::new(partition.window(&storage)?);
    let result = match partition.kind {
        PartitionKind::Fat => fat::audit(window.as_ref()),
        PartitionKind::Linux => ext4::audit(window),
        PartitionKind::Other => Ok(()),
    };
    match watched.failure.get() {
        Some(failure) => Err(failure.clone().into()),
        None => result,
    }
}

/// Storage that remembers its first failure: `rust-fs-ext4` takes a block that it cannot read for a damaged one.
#[derive(Debug)]
struct Watched {
    inner: Arc<dyn Storage>,
    failure: OnceLock<StorageError>,
}

impl Storage for Watched {
    fn size(&self) -> u64 {
        self.inner.size()
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let result = self.inner.read_at(offset, buf);
        // A range outside the image, in contrast, comes from damaged metadata.
        if let Err(Error::Storage(failure @ StorageError::Io { .. })) = &result {
            self.failure.get_or_init(|| failure.clone());
        }
        result
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.inner.write_at(offset, bytes)
    }
}
