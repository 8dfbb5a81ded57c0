//! What goes into a node: `overlays/`, `firmware/`, a cluster and its certificates become the wanted
//! state of paths. No I/O once the files are loaded: the same inputs give the same tree.

mod context;
mod describe;
mod firmware;
mod fits;
mod manifest;
mod node;
mod paths;
mod render;
mod source;
mod tree;
mod warnings;

pub use node::{Inputs, tree};
pub use source::Overlays;
pub use tree::{ACCOUNT_FILES, Account, Change, Content, Edit, Entry, FileTree, Owner};
pub use warnings::warnings;
