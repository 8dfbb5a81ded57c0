//! Compressed images: an image is cut into blocks that are compressed independently of each other and joined to one file.
//!
//! ```text
//!           image    │ block │ block │ block │ …        1 MiB each, or less around what a node has alone
//!                        │       │       │              compressed once, kept in the cache under its digest
//! img.xz    header   │ block │ block │ block │ index │ footer         one stream of several blocks
//! img.zst            │ frame │ frame │ frame │ …
//! img.gz             │ member│ member│ member│ …
//! ```
//! A block's compressed form depends only on its content, so images that share blocks share the work, and the same image
//! always gives the same file. Formats: <https://tukaani.org/xz/xz-file-format.txt>, RFC 8878, RFC 1952.

mod container;
mod encode;
mod xz_block;
mod xz_index;

pub(crate) use container::Container;
pub(crate) use encode::{Compression, encode};

/// The length of a block before compression, at most. A shorter one shares more between images and compresses worse.
pub(crate) const BLOCK: usize = 1 << 20;
