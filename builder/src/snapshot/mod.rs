//! Snapshots of etcd's database: checks a file, and reads what it says about its cluster.

mod bolt;
mod digest;
mod read;

#[cfg(test)]
mod tests;

pub(crate) use digest::DigestCheck;
pub use read::Snapshot;
