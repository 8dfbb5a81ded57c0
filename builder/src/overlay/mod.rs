//! The content of a node: turns `overlays/`, `firmware/`, a cluster and its certificates into the desired state of paths.
//!
//! Apart from reading overlay files, this module does no I/O: the same inputs give the same tree.

mod archives;
mod certificates;
mod context;
mod copies;
mod describe;
mod extra_files;
mod firmware;
mod fits;
mod inputs;
mod interfaces;
mod manifest;
mod networkd;
mod node;
mod paths;
mod render;
mod source;
mod tree;
mod trust;
mod unread;
mod warnings;

pub use fits::refusals;
pub use inputs::NodeInputs;
pub use node::tree;
pub use source::Overlays;
pub use tree::{ACCOUNT_FILES, Account, Change, DesiredPath, Edit, FileContent, FileTree, Owner};
pub use warnings::warnings;
