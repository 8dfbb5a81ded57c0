//! FAT16 and FAT32: a gate, a writer and a reader.
//!
//! The format is specified in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103). [`gate()`] says
//! whether a volume may be edited, and checks that every cluster chain ends, so that no later step can run in
//! circles; [`Writer`] edits (on `hadris-fat`); [`Reader`] reads (on `fatfs`, another author).
//!
//! FAT knows no owners, no permissions and no symbolic links: [`Attributes`](crate::Attributes) are ignored, links
//! are [`Unsupported::FatSymlink`](crate::Unsupported::FatSymlink). Names are found without regard to case.

mod boot;
mod chains;
mod device;
mod failure;
mod gate;
mod info;
mod reader;
mod writer;

pub use boot::FatKind;
pub use gate::{Summary, gate};
pub use reader::Reader;
pub use writer::Writer;
