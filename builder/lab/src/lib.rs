//! Two test environments for node images, called laboratories: one boots whole images in QEMU, the other runs the programs of a node with
//! real etcd in network namespaces. Linux only.
#![cfg(target_os = "linux")]

pub mod netns;
pub mod qemu;
pub mod rng;
