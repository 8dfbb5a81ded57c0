//! Replaces `flash` on systems other than Linux, whose disks this program cannot tell apart safely.

mod by_hand;

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use crate::cli::FlashOptions;
use crate::failure::Kind;
use crate::progress::Progress;

/// The result of a flash, which cannot exist here.
#[derive(Debug, Serialize)]
pub enum Flashed {}

/// The list of disks, which cannot exist here.
pub type DiskList = Flashed;

impl Flashed {
    /// Returns whether the report is worth printing.
    pub fn is_worth_printing(&self) -> bool {
        match *self {}
    }

    /// Returns the verdict.
    pub fn verdict(self) -> Result<()> {
        match self {}
    }
}

impl fmt::Display for Flashed {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

/// Returns the error that explains how to write a card here.
pub fn flash(options: &FlashOptions, _: i64, _: &dyn Progress) -> Result<Flashed> {
    let message = "writing cards is supported on Linux only";
    Err(Kind::Unsupported.error(message, by_hand::hint(options)))
}

/// Returns the error that explains how to list the disks here.
pub fn list() -> Result<DiskList> {
    Err(Kind::Unsupported.error(
        "listing disks is supported on Linux only",
        "list them with `diskutil list` on macOS, or choose one in Raspberry Pi Imager",
    ))
}
