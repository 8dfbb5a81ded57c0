//! Composes base and edits into a file: blocks are shared with the base if the file system supports it, and holes stay
//! holes.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use anyhow::{Context as _, Result, bail};
use diskimg::{CowStorage, Storage};
use sha2::{Digest as _, Sha256};

use super::chunks::{CHUNK, Chunk, EditedImage};
use super::direct::{DirectBuffer, DirectFile};
use super::extents;
use super::map;
use super::output::{OutputFolder, Staged, StagedFile};
use super::pack::Packer;
use crate::hex;
use crate::image_format::ImageFormat;
use crate::inspect::Image;
use crate::plan::Plan;

/// Number of chunks of one image that may be read but not yet written.
const BUFFERS: usize = 4;

/// Where the files of an image go, and in which formats.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    /// The directory.
    pub out: &'a OutputFolder,
    /// Whether to write the raw image.
    pub raw: bool,
    /// Whether to find the used ranges.
    pub maps: bool,
    /// One for each compressed format.
    pub packers: Vec<Packer<'a>>,
}

/// Writes the edited image in every format under temporary names and computes its digest.
pub(super) fn compose(
    plan: &Plan,
    base: &Image,
    edited: &Arc<CowStorage>,
    target: &Target<'_>,
) -> Result<Staged> {
    let size = edited.size();
    let whole = || std::iter::once(0..size).collect();
    let data = base.file().map_or_else(whole, |it| extents::data(it, size));
    let image = EditedImage {
        storage: edited,
        data,
    };
    let mut files = Vec::new();
    let sha256 = match target.raw {
        true => {
            let raw = raw(plan, base, &image, target.out)?;
            let sha256 = raw.sha256.clone();
            files.push(raw);
            sha256
        }
        false => digest(&image)?,
    };
    for packer in &target.packers {
        files.push(packer.pack(&plan.node, &image, target.out)?);
    }
    let storage: Arc<dyn Storage> = edited.clone();
    let map = match target.maps {
        true => map::map(&storage)?,
        false => Vec::new(),
    };
    Ok(Staged {
        node: plan.node.clone(),
        size,
        sha256,
        map,
        files,
    })
}

/// Writes the raw image.
fn raw(
    plan: &Plan,
    base: &Image,
    image: &EditedImage<'_>,
    out: &OutputFolder,
) -> Result<StagedFile> {
    let name = ImageFormat::Img.file_name(&plan.node);
    let file = out.temporary(&name)?;
    let context = || out.no_room(&name);
    let size = image.storage.size();
    file.as_file().set_len(size).with_context(context)?;
    let source = base.file();
    let shared = source.is_some_and(|source| extents::share(source, file.as_file()));
    let sha256 = if shared {
        write_runs(image.storage, file.as_file()).and_then(|()| digest(image))
    } else {
        copy(image, file.as_file())
    };
    let sha256 = sha256.with_context(context)?;
    file.as_file().sync_all().with_context(context)?;
    Ok(StagedFile {
        name,
        format: ImageFormat::Img,
        size,
        sha256,
        file,
    })
}

/// Returns the digest of the edited image without writing it.
fn digest(image: &EditedImage<'_>) -> Result<String> {
    let mut buffer = DirectBuffer::new(CHUNK);
    let mut hash = Sha256::new();
    for chunk in image.chunks() {
        hash.update(chunk.read(image, &mut buffer)?);
    }
    Ok(hex::encode(&hash.finalize()))
}

/// Writes the edited image into a file of its size that is one hole, and returns its digest. Every byte is read once: one
/// thread reads and hashes, which keeps a processor busy, while another waits for the disk.
fn copy(image: &EditedImage<'_>, file: &File) -> Result<String> {
    let (full, to_write) = mpsc::sync_channel(BUFFERS);
    let (written, free) = mpsc::sync_channel(BUFFERS);
    for _ in 0..BUFFERS {
        written.send(DirectBuffer::new(CHUNK))?;
    }
    thread::scope(|scope| {
        let writer = scope.spawn(move || write_chunks(file, &to_write, &written));
        let sha256 = read_chunks(image, &free, &full);
        // Signals to the writer that this was the last chunk.
        drop(full);
        let writer = writer.join();
        writer.unwrap_or_else(|_| bail!("writing panicked"))?;
        sha256
    })
}

/// Reads and hashes every chunk and passes it to the writer, until the end or until the writer has failed.
fn read_chunks(
    image: &EditedImage<'_>,
    free: &Receiver<DirectBuffer>,
    full: &SyncSender<(Chunk, DirectBuffer)>,
) -> Result<String> {
    let mut hash = Sha256::new();
    for chunk in image.chunks() {
        if chunk.is_hole {
            hash.update(chunk.zeroes());
            continue;
        }
        let Ok(mut buffer) = free.recv() else { break };
        hash.update(chunk.read(image, &mut buffer)?);
        if full.send((chunk, buffer)).is_err() {
            break;
        }
    }
    Ok(hex::encode(&hash.finalize()))
}

fn write_chunks(
    file: &File,
    full: &Receiver<(Chunk, DirectBuffer)>,
    free: &SyncSender<DirectBuffer>,
) -> Result<()> {
    let file = DirectFile::new(file);
    for (chunk, mut buffer) in full {
        chunk.write(buffer.first(chunk.len), &file)?;
        // The buffer of the last chunk has no receiver.
        let _ = free.send(buffer);
    }
    Ok(())
}

fn write_runs(edited: &CowStorage, mut file: &File) -> Result<()> {
    for run in edited.runs() {
        let run = run?;
        file.seek(SeekFrom::Start(run.offset))?;
        file.write_all(&run.bytes)?;
    }
    Ok(())
}
