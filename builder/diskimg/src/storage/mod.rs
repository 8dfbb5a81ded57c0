//! Storage of an image's bytes: one trait and the types that implement it.

use std::fmt::Debug;

use crate::error::{Result, StorageError};
use crate::units::length;

mod block;
mod changes;
mod cow;
mod file;
mod memory;
mod runs;
mod shared;
mod stream;
mod window;

pub use cow::CowStorage;
pub use file::ReadOnlyFile;
pub use memory::Memory;
pub use runs::{Run, Runs};
pub use shared::SharedContents;
pub(crate) use stream::Stream;
pub use window::Window;

/// A fixed number of bytes that any thread can read and write at byte offsets.
///
/// A transfer is complete or fails: a range that is not entirely inside `0..size` is
/// [`StorageError::OutOfRange`], never a short transfer.
pub trait Storage: Send + Sync + Debug {
    /// Returns the number of bytes.
    fn size(&self) -> u64;

    /// Fills `buf` with the bytes from `offset` on.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;

    /// Replaces the bytes from `offset` on. Read-only storage fails with
    /// [`Refused::ReadOnly`](crate::Refused::ReadOnly).
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()>;
}

/// Reads the `len` bytes at `offset`. A range outside the storage fails before memory is allocated.
pub(crate) fn read_vec(storage: &dyn Storage, offset: u64, len: u64) -> Result<Vec<u8>> {
    check_range(offset, len, storage.size())?;
    let size = usize::try_from(len).map_err(|_| StorageError::TooLarge { offset, len })?;
    let mut bytes = vec![0; size];
    storage.read_at(offset, &mut bytes)?;
    Ok(bytes)
}

/// Fails unless `buffer` fits at `offset` into `size` bytes.
fn check_buffer(offset: u64, buffer: &[u8], size: u64) -> Result<()> {
    check_range(offset, length(buffer), size)
}

fn check_range(offset: u64, len: u64, size: u64) -> Result<()> {
    match offset.checked_add(len) {
        Some(end) if end <= size => Ok(()),
        _ => Err(StorageError::OutOfRange { offset, len, size }.into()),
    }
}

/// Returns the `len` bytes of a buffer from `start` on, if they are all inside.
fn part(bytes: &[u8], start: usize, len: usize) -> Option<&[u8]> {
    bytes.get(start..)?.get(..len)
}

fn part_mut(bytes: &mut [u8], start: usize, len: usize) -> Option<&mut [u8]> {
    bytes.get_mut(start..)?.get_mut(..len)
}
