//! ext4: a gate, a writer and a reader.
//!
//! The format is specified in the kernel's documentation, `filesystems/ext4/`. [`gate()`] checks whether a file
//! system can be edited; [`Ext4Writer`] edits it with `rust-fs-ext4`; [`Ext4Reader`] reads it with `ext4-view`, by other
//! authors, so that two implementations must agree on every file.
//!
//! **Invariant**: the journal is never written, see `device.rs`. The file system is edited offline on copy-on-write
//! storage, which needs no journal, and no secret can remain in the journal.

mod audit;
mod blocks;
mod clock;
mod device;
mod directories;
mod entries;
mod failure;
mod feature_set;
mod features;
mod fields;
mod gate;
mod hash_tree;
mod inodes;
mod mapping;
mod reader;
mod room;
mod special;
mod superblock;
mod unused;
mod walk;
mod writer;

pub(crate) use audit::audit;
pub use clock::Clock;
pub use feature_set::FeatureSet;
pub use gate::gate;
pub use reader::Ext4Reader;
pub(crate) use unused::unused;
pub use writer::Ext4Writer;
