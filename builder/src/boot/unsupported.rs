//! Replaces `boot` on systems other than Linux, which have no namespaces and taps to boot a cluster in.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use crate::cli::{BootOptions, Environment};
use crate::failure::Kind;

/// The result of a boot, which cannot exist here.
#[derive(Debug, Serialize)]
pub enum BootReport {}

impl fmt::Display for BootReport {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

/// Returns the error that explains why `boot` is not supported.
pub fn boot(
    _: &BootOptions,
    _: &Environment,
    _: bool,
    _: impl FnOnce(&BootReport) -> Result<()>,
) -> Result<()> {
    inside()
}

/// Returns the error that explains why `boot` is not supported.
pub fn inside() -> Result<()> {
    Err(Kind::Unsupported.error("booting images needs Linux, which gives the nodes a network of their own",
        "run `etcd-image boot` on Linux, or in a Linux virtual machine; the images are the same everywhere",
    ))
}
