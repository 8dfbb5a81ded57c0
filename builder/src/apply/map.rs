//! The used ranges of an image with their digests.

use std::ops::Range;
use std::sync::Arc;

use anyhow::Result;
use diskimg::Storage;
use sha2::{Digest as _, Sha256};

use super::chunks::CHUNK;
use crate::{hex, inspect};

/// A range of an image that has a meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MappedRange {
    /// Its bytes, from and up to a multiple of [`MAP_BLOCK`](crate::inspect::MAP_BLOCK) or to the end of the image.
    pub bytes: Range<u64>,
    /// The SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// Returns the used ranges of an image.
pub(crate) fn map(storage: &Arc<dyn Storage>) -> Result<Vec<MappedRange>> {
    let mut buffer = vec![0; CHUNK];
    let mut digested = |bytes: Range<u64>| {
        let mut hash = Sha256::new();
        let mut at = bytes.start;
        while at < bytes.end {
            let len = usize::try_from(bytes.end - at).map_or(CHUNK, |left| left.min(CHUNK));
            storage.read_at(at, &mut buffer[..len])?;
            hash.update(&buffer[..len]);
            at += len as u64;
        }
        let sha256 = hex::encode(&hash.finalize());
        Ok(MappedRange { bytes, sha256 })
    };
    let ranges = inspect::mapped_ranges(storage);
    ranges.into_iter().map(&mut digested).collect()
}
