//! What every kind of store can do.

use std::fmt::Debug;
use std::io::Write;
use std::path::Path;

use anyhow::Result;

use super::address::Address;
use super::blob::Blob;
use super::index::Index;
use super::staging::Journal;
use crate::progress::Task;

/// A store that is asked for one build: its blobs, and its index, which makes them visible.
pub(super) trait Store: Debug {
    /// Returns the address of a blob for messages.
    fn place(&self, blob: &Blob) -> String;

    /// Fails if the store does not let this user write. Nothing remains of the attempt.
    fn must_accept(&self) -> Result<()>;

    /// Returns the index, if the store has one at this address.
    fn index(&self) -> Result<Option<Index>>;

    /// Replaces the index, which makes a build visible. Returns the address that names this build for as long as possible.
    fn write_index(&self, index: &Index) -> Result<Address>;

    /// Returns whether the store has a blob, by its size.
    fn has(&self, blob: &Blob) -> Result<bool>;

    /// Reads a blob to its end and returns what it really is, for the caller to compare.
    fn blob(&self, blob: &Blob, to: &mut dyn Write) -> Result<Blob>;

    /// Uploads the file as a blob, continuing an earlier run. No blob exists until all its bytes have arrived.
    fn upload(
        &self,
        blob: &Blob,
        file: &Path,
        journal: &Journal,
        task: &mut dyn Task,
    ) -> Result<()>;
}
