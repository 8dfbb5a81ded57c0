//! Clusters of the real base, booted in QEMU. Every test here takes minutes, so `cargo xtask` runs them one at a time.

mod appliance;
mod cluster;
mod full;
mod members;
