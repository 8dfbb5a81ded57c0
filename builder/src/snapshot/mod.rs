//! Snapshots of etcd's database.

mod digest;

pub(crate) use digest::Checked;
