//! What goes into a node: `overlays/`, a cluster and its certificates become the wanted state of paths.

mod tree;

pub use tree::{Account, Change, Content, Edit, Entry, FileTree, Owner, Place};
