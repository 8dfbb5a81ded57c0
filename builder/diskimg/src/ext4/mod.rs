//! ext4: a gate, a writer and a reader.
//!
//! The format is specified in the kernel's documentation, `filesystems/ext4/`. [`gate()`] says whether a file system
//! may be edited at all; [`Writer`] edits it (on `rust-fs-ext4`); [`Reader`] reads it (on `ext4-view`, other
//! authors, so that what one writes the other must understand).
//!
//! **Invariant**: the journal is never written, see `device.rs`. The file system is edited offline on copy-on-write storage,
//! so it needs no journal, and no secret can stay behind in one.

mod clock;
mod device;
mod failure;
mod features;
mod gate;
mod reader;
mod room;
mod superblock;
mod walk;
mod writer;

pub use clock::Clock;
pub use features::Features;
pub use gate::{Summary, gate};
pub use reader::Reader;
pub use writer::Writer;
