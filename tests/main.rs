//! The promises of etcd-image, one file each.

#![allow(
    clippy::disallowed_methods,
    reason = "tests start foreign programs and write files; the product does not"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

#[cfg(target_os = "linux")]
mod boot;
#[cfg(target_os = "linux")]
mod boot_appliance;
#[cfg(target_os = "linux")]
mod boot_full;
#[cfg(target_os = "linux")]
mod boot_members;
#[cfg(target_os = "linux")]
mod boot_refuse;
mod build;
mod calm;
#[cfg(target_os = "linux")]
mod core_like;
#[cfg(target_os = "linux")]
mod core_witness;
#[cfg(unix)]
mod data;
#[cfg(unix)]
mod decide;
mod fetch;
mod ground;
mod judges;
mod killed;
mod node;
mod nothing_else;
mod plan;
#[cfg(unix)]
mod provision;
mod refuse;
mod refuse_downloads;
mod refuse_etcd;
mod tree;
mod ubuntu_core;
mod ubuntu_core_nodes;
mod ubuntu_server;
mod verify;
