//! Tests the promises of etcd-image: one directory per area, one file per promise.

#![allow(
    clippy::disallowed_methods,
    reason = "tests start foreign programs and write files; the product does not"
)]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

#[cfg(target_os = "linux")]
mod boot;
mod build;
#[cfg(target_os = "linux")]
mod cases;
mod cli;
#[cfg(target_os = "linux")]
mod cluster;
mod core;
#[cfg(target_os = "linux")]
mod faults;
mod finished;
mod fleet;
#[cfg(target_os = "linux")]
mod mutate;
mod node;
mod project;
mod refuse;
mod stores;
