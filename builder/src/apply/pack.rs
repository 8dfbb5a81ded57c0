//! Writes an edited image as a compressed file. Blocks that are not secret are compressed once for all images.

use std::collections::HashMap;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use diskimg::Storage as _;
use sha2::{Digest as _, Sha256};

use super::chunks::{CHUNK, Chunk, ChunkGroup, EditedImage};
use super::direct::DirectBuffer;
use super::output::{OutputFolder, StagedFile};
use crate::compressed::{self, BLOCK, Compression, Container};
use crate::digest::{DigestWriter, Digested};
use crate::fetch::{self, BlockCache, ContentDigest};
use crate::image_format::ImageFormat;
use crate::{hex, parallel};

/// The number of blocks per thread in one batch. All threads wait for the slowest one at its end.
const BLOCKS_PER_THREAD: usize = 16;

/// A writer of images in one compressed format.
#[derive(Debug)]
pub(crate) struct Packer<'a> {
    format: ImageFormat,
    compression: Compression,
    threads: NonZeroUsize,
    cache: BlockCache,
    /// The digests of the base's blocks that no edit touches, by offset and length: they are read and hashed once for all images.
    unchanged: Mutex<HashMap<(u64, usize), ContentDigest>>,
    /// Blocks that may be secret, kept for the other nodes of this run, because many of them are the same in every image, such as
    /// tables of a file system.
    own: Mutex<OwnBlocks>,
    progress: &'a dyn crate::progress::Progress,
    /// Held while an image is written. Images wait for each other, because a later one needs the blocks of an earlier one;
    /// several threads compress the blocks of each.
    turn: Mutex<()>,
}

impl<'a> Packer<'a> {
    /// Creates a writer of this format for images of the base with this digest; `None` for the raw format.
    pub(crate) fn new(
        format: ImageFormat,
        base_sha256: &str,
        options: &fetch::Options<'a>,
    ) -> Result<Option<Self>> {
        let Some(compression) = Compression::of(format) else {
            return Ok(None);
        };
        let parameters = compression.parameters();
        let key = hex::sha256(format!("{BLOCK} {parameters} {base_sha256}"));
        Ok(Some(Self {
            format,
            compression,
            threads: NonZeroUsize::new(options.jobs).unwrap_or(NonZeroUsize::MIN),
            cache: BlockCache::open(&key, options)?,
            unchanged: Mutex::default(),
            own: Mutex::default(),
            progress: options.progress,
            turn: Mutex::new(()),
        }))
    }

    /// Writes the image under a temporary name.
    pub(super) fn pack(
        &self,
        node: &str,
        image: &EditedImage<'_>,
        out: &OutputFolder,
    ) -> Result<StagedFile> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let name = self.format.file_name(node);
        let file = out.temporary(&name)?;
        let context = || out.no_room(&name);
        let target = BufWriter::with_capacity(1 << 20, file.as_file());
        let target = DigestWriter::new(target);
        let target = self.write(&name, image, target).with_context(context)?;
        let (Digested { sha256, size }, mut target) = target.finish();
        target.flush().with_context(context)?;
        drop(target);
        file.as_file().sync_all().with_context(context)?;
        Ok(StagedFile {
            name,
            format: self.format,
            size,
            sha256,
            file,
        })
    }

    fn write<W: Write>(&self, name: &str, image: &EditedImage<'_>, target: W) -> Result<W> {
        let blocks = image.blocks();
        let total = image.storage.size();
        let mut task = self
            .progress
            .task(&format!("compressing {name}"), Some(total));
        let mut container = Container::new(self.compression, target)?;
        for batch in blocks.chunks(self.threads.get() * BLOCKS_PER_THREAD) {
            let packed = parallel::map(self.threads, batch, |block| self.compress(image, block))?;
            for (block, packed) in batch.iter().zip(packed) {
                container.push(&packed)?;
                task.at(block.chunk.range().end);
            }
        }
        container.finish()
    }

    /// Returns the compressed form of a block, from the cache if it is there.
    fn compress(&self, image: &EditedImage<'_>, block: &ChunkGroup) -> Result<Vec<u8>> {
        let chunk = &block.chunk;
        let place = (chunk.offset, chunk.len);
        let is_unchanged = !image.storage.is_changed(chunk.range());
        let known = is_unchanged.then(|| locked(&self.unchanged).get(&place).copied());
        if let Some(content) = known.flatten()
            && let Some(packed) = self.cache.get(&content)?
        {
            return Ok(packed);
        }
        let mut buffer = DirectBuffer::new(CHUNK);
        let bytes = chunk.read(image, &mut buffer)?;
        let content = content_digest(chunk, bytes);
        if is_unchanged {
            locked(&self.unchanged).insert(place, content);
        }
        if let Some(packed) = self.cache.get(&content)? {
            return Ok(packed);
        }
        if let Some(packed) = locked(&self.own).get(&content) {
            return Ok(packed);
        }
        let packed = compressed::encode(self.compression, bytes)?;
        match block.is_own {
            true => locked(&self.own).add(content, &packed),
            false => self.cache.add(&content, &packed)?,
        }
        Ok(packed)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Compressed blocks in memory, which never reach a disk outside the images.
#[derive(Default)]
struct OwnBlocks {
    blocks: HashMap<ContentDigest, Vec<u8>>,
    bytes: usize,
}

impl OwnBlocks {
    /// The largest number of bytes.
    const MOST_BYTES: usize = 16 << 20;

    fn get(&self, content: &ContentDigest) -> Option<Vec<u8>> {
        self.blocks.get(content).cloned()
    }

    fn add(&mut self, content: ContentDigest, packed: &[u8]) {
        if self.bytes + packed.len() <= Self::MOST_BYTES {
            self.bytes += packed.len();
            self.blocks.insert(content, packed.to_vec());
        }
    }
}

impl std::fmt::Debug for OwnBlocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OwnBlocks({} bytes)", self.bytes)
    }
}

/// Returns the digest of a chunk's content. Holes, which are frequent, are recognized by their length alone.
fn content_digest(chunk: &Chunk, bytes: &[u8]) -> ContentDigest {
    match chunk.is_hole {
        true => Sha256::digest(format!("{} zeros", chunk.len)).into(),
        false => Sha256::digest(bytes).into(),
    }
}
