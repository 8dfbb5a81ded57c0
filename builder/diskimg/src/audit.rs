//! Checks of a whole file system that take too long to repeat before every edit.

use std::sync::Arc;

use crate::error::Result;
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
/// [`Corrupt`](crate::Corrupt) names the first contradiction.
pub fn audit(partition: &Partition, image: &Arc<dyn Storage>) -> Result<()> {
    let window = Arc::new(partition.window(image)?);
    match partition.kind {
        PartitionKind::Fat => fat::audit(window.as_ref()),
        PartitionKind::Linux => ext4::audit(window),
        PartitionKind::Other => Ok(()),
    }
}
