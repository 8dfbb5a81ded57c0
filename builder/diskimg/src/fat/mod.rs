//! FAT16 and FAT32: a gate, a writer and a reader.
//!
//! The format is specified in Microsoft's "FAT: General Overview of On-Disk Format" (fatgen103). [`gate()`] checks
//! whether a volume can be edited, and that every cluster chain ends, so that no later step can loop forever.
//! [`FatWriter`] edits with `hadris-fat`; [`FatReader`] reads with `fatfs`, by other authors.
//!
//! FAT stores no owners, permissions or symbolic links: [`Attributes`](crate::Attributes) are ignored, links are
//! [`Unsupported::FatSymlink`](crate::Unsupported::FatSymlink). Names are matched without regard to case.

mod audit;
mod boot;
mod chains;
mod device;
mod dots;
mod entry;
mod failure;
mod fs_info;
mod gate;
mod labels;
mod long_names;
mod names;

mod reader;
mod unused;
mod writer;

pub(crate) use audit::audit;
pub use gate::gate;
pub use reader::FatReader;
pub(crate) use unused::unused;
pub use writer::FatWriter;
