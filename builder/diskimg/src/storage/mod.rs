//! Where the bytes live: one trait, and the places that have it.

use std::fmt::Debug;

use crate::bytes::len_u64;
use crate::error::{Result, StorageError};

mod cow;
mod file;
mod memory;

mod runs;
mod stream;
mod window;

pub use cow::CowStorage;
pub use file::ReadOnlyFile;
pub use memory::Memory;
pub use runs::{Run, Runs};
pub(crate) use stream::Stream;
pub use window::Window;

/// A fixed number of bytes, read and written at byte offsets from any thread.
///
/// Reads and writes are whole or fail: a range that is not entirely inside `0..size` is
/// [`StorageError::OutOfRange`], never a short transfer.
pub trait Storage: Send + Sync + Debug {
    /// The number of bytes.
    fn size(&self) -> u64;

    /// Fills `buf` from byte `offset` on.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<()>;

    /// Replaces the bytes from `offset` on. Storage that is never written refuses with
    /// [`Refused::ReadOnly`](crate::Refused::ReadOnly).
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()>;
}

/// The `len` bytes at `offset`; refused before anything is allocated when they are not all there.
pub(crate) fn read_vec(storage: &dyn Storage, offset: u64, len: u64) -> Result<Vec<u8>> {
    check_range(offset, len, storage.size())?;
    let mut bytes = vec![0; crate::bytes::to_usize(offset, len)?];
    storage.read_at(offset, &mut bytes)?;
    Ok(bytes)
}

/// Whether `buffer` fits at `offset` in `size` bytes.
fn check_buffer(offset: u64, buffer: &[u8], size: u64) -> Result<()> {
    check_range(offset, len_u64(buffer), size)
}

fn check_range(offset: u64, len: u64, size: u64) -> Result<()> {
    match offset.checked_add(len) {
        Some(end) if end <= size => Ok(()),
        _ => Err(StorageError::OutOfRange { offset, len, size }.into()),
    }
}
