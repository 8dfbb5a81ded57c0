//! Disk images as bytes: MBR, GPT, FAT and ext4 behind one small storage trait.
//!
//! ```text
//! base file ─▶ CowStorage ─▶ Window: partition 1 ─▶ fat::FatWriter   ─▶ fat::FatReader
//! (read-only)  (changes in   Window: partition 2 ─▶ ext4::Ext4Writer ─▶ ext4::Ext4Reader
//!               memory)
//!                  └───────▶ runs(): what differs from the base, in ascending order
//! ```
//!
//! 1. [`Storage`] is where the bytes of an image are: it has a size and can be read and written.
//! 2. [`CowStorage`] keeps every change in memory, so that the base is never written and an error has no lasting effect.
//! 3. [`PartitionTable`] lists the partitions; a [`Window`] is one of them.
//! 4. [`ext4`] and [`fat`] each have a gate, which checks that an edit is safe, a writer and a reader. Writers and
//!    readers use libraries of different authors, so that one checks the other.
//! 5. [`audit()`] checks a whole partition once, before it serves as a base; [`unused()`] lists what a copy may leave out.
//!
//! ```
//! use std::sync::Arc;
//! use diskimg::{CowStorage, Memory, Storage};
//!
//! let base = Arc::new(Memory::new(vec![0; 10_000]));
//! let image = CowStorage::new(base);
//! image.write_at(5000, b"changed")?;
//! for run in image.runs() {
//!     let run = run?;
//!     assert_eq!((run.offset, run.bytes.len()), (4096, 4096));
//! }
//! # Ok::<(), diskimg::Error>(())
//! ```
//!
//! Nothing here reads a clock, a random source, the environment or the network. Times and seeds are arguments, so that
//! equal calls give equal bytes. Every [`Error`] belongs to one of four classes, which are its variants.
#![warn(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::expect_used
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        reason = "tests compute with small constants"
    )
)]

pub mod error;
pub mod storage;
pub mod table;

pub mod fs;

pub mod ext4;
pub mod fat;

mod audit;
mod disk_structure;
mod signatures;
mod units;
mod unused;

pub use audit::audit;
pub use error::{Corrupt, Error, Foreign, Refused, Result, StorageError, Unsupported};
pub use fs::{Attributes, FileKind, Metadata, ReadFs, WriteFs};
pub use storage::{CowStorage, Memory, ReadOnlyFile, Run, SharedContents, Storage, Window};
pub use table::{Partition, PartitionKind, PartitionTable};
pub use unused::unused;
