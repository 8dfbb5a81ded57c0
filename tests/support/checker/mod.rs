//! Checks written images with independent programs that share no code with this one.
//!
//! Every checker has a test in `tests/project/checkers.rs` or `schema_checkers.rs` that it rejects a known-bad input.

mod certificate;
pub(crate) mod cloud;
mod disk;
mod ext4;
mod fat;
mod promtool;
#[cfg(target_os = "linux")]
pub(crate) mod snapd;
mod spdx;
mod yaml;

pub(crate) use certificate::{Leaf, chain, key_fits, leaf};
pub(crate) use disk::{Disk, table};
pub(crate) use ext4::{Ext4, Kind, Stat, ext4, header};
pub(crate) use fat::{Fat, fat};
pub(crate) use promtool::{metrics, program, prometheus};
pub(crate) use spdx::spdx;
pub(crate) use yaml::{documents, kubernetes, workflow};

/// The result of a checker: nothing, or the problem in the checker's own words.
pub(crate) type Verdict = Result<(), String>;
