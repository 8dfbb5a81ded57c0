//! `etcd-image.lock`: what exactly the images of a cluster are made from. It is meant to be committed beside `cluster.toml`.
//!
//! ```text
//! cluster.toml      what is wanted:  base = "debian-trixie"
//! etcd-image.lock   what it is:      every package with version and digest
//! ```
//! A build uses the entries of the lock that its description still asks for, and resolves the others again.

mod compare;
mod document;
mod file;

pub use compare::LockDifference;
pub use document::{EtcdOrigin, Lock, LockedBase, LockedEtcd, LockedFile};
pub use file::{LockFile, path, path_in_fleet};

#[cfg(test)]
mod tests;
