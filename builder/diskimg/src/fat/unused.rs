//! The free clusters of a volume, according to its first allocation table.

use std::ops::Range;

use super::chains::Link;
use super::gate::{examine, load};
use crate::error::Result;
use crate::storage::Storage;
use crate::unused::joined;

/// Returns the byte ranges of the free clusters of the volume in `storage`, which must pass the [`gate`](super::gate()).
pub(crate) fn unused(storage: &dyn Storage) -> Result<Vec<Range<u64>>> {
    examine(storage)?;
    let (boot, table) = load(storage)?;
    let mut ranges = vec![];
    for (cluster, _) in table.clusters() {
        if table.state(cluster)? == Link::Free {
            let start = boot.offset(cluster)?;
            ranges.push(start..start.saturating_add(boot.cluster_size.into()));
        }
    }
    Ok(joined(ranges))
}
