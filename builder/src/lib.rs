//! etcd-image: a stock operating-system image and a cluster described → one flashable image per node.
//!
//! Rooms in reading order; imports go one way, downward. See `builder/ARCHITECTURE.md`.

pub mod failure;
pub mod hex;
pub mod secret;

pub mod overlay;
pub mod pki;
pub mod recipe;
pub mod spec;
