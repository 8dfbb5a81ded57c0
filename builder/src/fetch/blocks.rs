//! Compressed blocks of images in the cache, which several images and later builds share.
//!
//! ```text
//! <key>.blocks   │ SHA-256 of the content │ SHA-256 of the rest │ length │ compressed block │ …
//! ```
//! Blocks are only appended. A record that was cut off by an interruption is removed, and a damaged one is found by its
//! digest and replaced by a later record. Where other users can write to the cache, the blocks of a run are kept in a file
//! without a name instead, because their digests would prove nothing.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use fs_err::File;
use sha2::{Digest as _, Sha256};

use super::cache::{Cache, CacheEntry};
use super::{Options, unnamed};
use crate::failure::Kind;

/// The extension of the file.
const BLOCKS: &str = "blocks";
/// The size of a record before the compressed block.
const HEAD: usize = 32 + 32 + 8;

/// The SHA-256 of the content of a block.
pub(crate) type ContentDigest = [u8; 32];

/// The compressed blocks of images of one base.
#[derive(Debug)]
pub(crate) struct BlockCache {
    inner: Mutex<Inner>,
    /// Kept locked, so that a build at the same time waits for these blocks instead of compressing them again.
    _entry: CacheEntry,
}

#[derive(Debug)]
struct Inner {
    file: File,
    /// Where the compressed form of each block is in the file.
    places: HashMap<ContentDigest, StoredBlock>,
    end: u64,
}

#[derive(Clone, Copy, Debug)]
struct StoredBlock {
    offset: u64,
    len: usize,
    sha256: [u8; 32],
}

impl BlockCache {
    /// Opens the blocks of that key, a SHA-256 in hexadecimal.
    pub(crate) fn open(key: &str, options: &Options<'_>) -> Result<Self> {
        let context = || {
            Kind::Storage.context(
                format!(
                    "opening the compressed blocks in {}",
                    options.cache.display()
                ),
                "make the directory writable, or name another with `--cache`",
            )
        };
        let entry = Cache::open(options.cache)?.entry(key, options.progress)?;
        let file = match entry.is_ours(BLOCKS)? {
            true => entry.resume(BLOCKS).with_context(context)?,
            false => File::from_parts(unnamed::file().with_context(context)?, BLOCKS),
        };
        let inner = Inner::read(file).with_context(context)?;
        Ok(Self {
            inner: Mutex::new(inner),
            _entry: entry,
        })
    }

    /// Returns the compressed form of the block with this content, if it is known.
    pub(crate) fn get(&self, content: &ContentDigest) -> Result<Option<Vec<u8>>> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = inner.places.get(content).copied() else {
            return Ok(None);
        };
        let mut block = vec![0; place.len];
        inner.file.seek(SeekFrom::Start(place.offset))?;
        inner.file.read_exact(&mut block)?;
        drop(inner);
        let is_intact = Sha256::digest(&block)[..] == place.sha256;
        Ok(is_intact.then_some(block))
    }

    /// Adds the compressed form of the block with this content. It must not be secret.
    pub(crate) fn add(&self, content: &ContentDigest, block: &[u8]) -> Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let sha256: [u8; 32] = Sha256::digest(block).into();
        let record = [
            &content[..],
            &sha256,
            &(block.len() as u64).to_le_bytes(),
            block,
        ]
        .concat();
        let end = inner.end;
        inner.file.seek(SeekFrom::Start(end))?;
        inner.file.write_all(&record)?;
        let offset = end + HEAD as u64;
        let len = block.len();
        inner.places.insert(
            *content,
            StoredBlock {
                offset,
                len,
                sha256,
            },
        );
        inner.end = offset + len as u64;
        Ok(())
    }
}

impl Inner {
    /// Reads the heads of all records, and removes an incomplete one at the end.
    fn read(mut file: File) -> io::Result<Self> {
        let size = file.seek(SeekFrom::End(0))?;
        let (mut places, mut end) = (HashMap::new(), 0);
        while let Some((content, place)) = record(&mut file, end)?
            && let Some(next) = place.offset.checked_add(place.len as u64)
            && next <= size
        {
            places.insert(content, place);
            end = next;
        }
        file.set_len(end)?;
        Ok(Self { file, places, end })
    }
}

/// Returns the record that starts at `offset`, or `None` if its head is incomplete.
fn record(file: &mut File, offset: u64) -> io::Result<Option<(ContentDigest, StoredBlock)>> {
    let mut head = [0; HEAD];
    file.seek(SeekFrom::Start(offset))?;
    match file.read_exact(&mut head) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let part = |from: usize| -> [u8; 32] { std::array::from_fn(|at| head[from + at]) };
    let len = u64::from_le_bytes(std::array::from_fn(|at| head[64 + at]));
    let place = StoredBlock {
        offset: offset + HEAD as u64,
        len: usize::try_from(len).unwrap_or(usize::MAX),
        sha256: part(32),
    };
    Ok(Some((part(0), place)))
}
