//! Provides what the tests share: fixtures to start from, scenes to run in, and independent checkers for the results.

mod built;
pub(crate) mod fixture;
mod record;
pub(crate) mod tool;

pub(crate) mod checker;
pub(crate) mod checksum;

#[cfg(target_os = "linux")]
pub(crate) mod authentication;
#[cfg(target_os = "linux")]
pub(crate) mod board;
pub(crate) mod broken;
#[cfg(target_os = "linux")]
pub(crate) mod card;
#[cfg(target_os = "linux")]
pub(crate) mod cluster;
pub(crate) mod compare;
#[cfg(target_os = "linux")]
pub(crate) mod core_like;
#[cfg(target_os = "linux")]
pub(crate) mod ctrl_c;
#[cfg(target_os = "linux")]
pub(crate) mod enclosed;
#[cfg(unix)]
pub(crate) mod first_boot;
pub(crate) mod interrupted;
#[cfg(target_os = "linux")]
pub(crate) mod kept;
#[cfg(target_os = "linux")]
pub(crate) mod members;
pub(crate) mod node;
#[cfg(target_os = "linux")]
mod node_programs;
#[cfg(target_os = "linux")]
pub(crate) mod nodes;
#[cfg(target_os = "linux")]
pub(crate) mod pi_like;
pub(crate) mod port;
#[cfg(target_os = "linux")]
pub(crate) mod power;
pub(crate) mod refusal;
pub(crate) mod rendered;
pub(crate) mod scene;
pub(crate) mod signer;
pub(crate) mod snapshot;
pub(crate) mod source;
#[cfg(target_os = "linux")]
pub(crate) mod terminal;
#[cfg(target_os = "linux")]
pub(crate) mod three;
pub(crate) mod tls;
#[cfg(target_os = "linux")]
pub(crate) mod ubuntu_like;
#[cfg(target_os = "linux")]
pub(crate) mod writer;

#[allow(dead_code, reason = "the downloads' own tests use the rest")]
pub(crate) mod http;
