//! Boots clusters of the real base in QEMU; every test takes minutes, so `cargo xtask` runs them one at a time.

mod appliance;
mod cluster;
mod commands;
mod full;
mod growth;
mod members;
mod operator;
mod recovery;
