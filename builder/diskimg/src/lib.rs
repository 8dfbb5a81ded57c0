//! Disk images as bytes: MBR, GPT, FAT and ext4 behind one small storage trait.
//!
//! ```text
//!   file, read only ─▶ CowStorage ─▶ Window: partition 1 ─▶ fat::Writer  ─▶ fat::Reader   (another author's code)
//!   (the base)         (changes   Window: partition 2 ─▶ ext4::Writer ─▶ ext4::Reader  (another author's code)
//!                       in memory)
//!                          └──────▶ runs(): what differs from the base, in order, to be written elsewhere
//! ```
//!
//! 1. [`Storage`] is all there is to know about where bytes live: a size, reads, writes.
//! 2. [`CowStorage`] keeps every change in memory, so the base is never written and a failure leaves nothing behind.
//! 3. [`PartitionTable`] finds the partitions; a [`Window`] is one of them.
//! 4. [`ext4`] and [`fat`] each have a gate (is this safe to edit?), a writer and a reader; the readers are built on
//!    code of other authors than the writers.
//!
//! ```
//! use std::sync::Arc;
//! use diskimg::{Memory, CowStorage, Storage};
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
//! Nothing here reads a clock, a random source, the environment or the network: times and identifiers are arguments,
//! so equal calls give equal bytes. Every failure is one of four kinds, see [`Class`].
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
mod record;
mod units;

pub use audit::audit;
pub use error::{Class, Corrupt, Error, Refused, Result, StorageError, Unsupported};
pub use fs::{Attributes, Kind, Metadata, ReadFs, WriteFs};
pub use storage::{CowStorage, Memory, ReadOnlyFile, Run, Storage, Window};
pub use table::{Partition, PartitionKind, PartitionTable};
