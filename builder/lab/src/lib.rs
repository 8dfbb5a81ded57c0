//! Laboratories for node images. Linux only.
//!
//! One boots whole images in QEMU. The other runs the programs of a node's image with real etcd in network namespaces.
#![cfg(target_os = "linux")]

pub mod netns;
pub mod qemu;
pub mod rng;
